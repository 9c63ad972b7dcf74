"""Who may do what, and what staff do: the resource tree and the roster, entering and leaving, orders and what is shown of the machine."""
