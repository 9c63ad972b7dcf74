"""Bank card terminals that speak ZVT 13.x, over a serial line or TCP."""
