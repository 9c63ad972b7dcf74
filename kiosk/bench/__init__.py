"""The bench: how fast, how much, measured here and now. Every figure has an aim."""
