"""Customer displays and LED boards: a View in two lines of twenty cells, its bytes in three dialects, the thread that sends them."""
