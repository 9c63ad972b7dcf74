"""What goes out to kiosks: read as they will read it, then signed."""
