"""Partners: who may order for our customers, and the doors that they come through."""
