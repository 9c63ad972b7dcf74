"""Money that is paid and not yet credited: what is known of it, what may be done with it, by how many people, and what was done."""
