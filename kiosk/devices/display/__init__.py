"""Customer displays and LED boards: what a View is in two lines of twenty cells, as bytes of three dialects, and the thread that sends them."""
