"""What was paid elsewhere and is collected at a kiosk by code."""
