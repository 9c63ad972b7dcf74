"""Cards: which is whose, what stands on one, and how a blank one becomes a customer's."""
