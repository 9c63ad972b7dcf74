"""The office's own log: each row that the office itself decides about money with, in a hash chain that nobody rewrites unnoticed."""
