"""Note validators on ITL's SSP and eSSP: `wire` (frames), `crypto` (the encrypted layer), `line` (one exchange), `events` (what a poll
says), `questions` (what a device is asked), `judge` (how many credits there are), `validator` (the driver)."""
