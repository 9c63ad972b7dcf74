"""Card layouts as data: a profile says where things stand on a card, in which order they are written, and what a reading means."""
