"""The head office: its keys, the stores and lists that it sends, the cards that it opens."""
