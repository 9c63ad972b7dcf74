"""Customer displays and LED boards: what a View is in two lines of twenty cells, its bytes in three dialects, and the thread that sends them."""
