"""Who a reference is. Nothing else at the office names a person."""
