"""The voice: what a screen says aloud, through a speech program, into headphones where the machine can tell that there are any."""
