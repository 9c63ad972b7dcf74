"""What kiosks send comes in: opened, shaped, written once, summed, acknowledged."""
