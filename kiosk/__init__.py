"""A self-service recharge terminal for prepaid-electricity IC cards."""

__version__ = "0.1.0"
