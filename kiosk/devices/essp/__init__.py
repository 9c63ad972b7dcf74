"""Note validators on ITL's SSP and eSSP: `wire` (frames), `crypto` (the encrypted layer), `line` (one exchange), `events` and `health`
(what a poll says), `questions` and `orders`, `tally` (how many credits there are), `reports` (what is told), `validator` (the driver)."""
