"""What is printed: each kind of paper as values, before anyone knows how wide it is or in which language it speaks."""
