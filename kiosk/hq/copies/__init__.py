"""Copies of the office: made, proved, put back."""
