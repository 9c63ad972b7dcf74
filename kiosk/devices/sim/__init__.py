"""Simulators behind the wire: a virtual card, its meter, acceptors, a printer; written from the tables, apart from the drivers."""
