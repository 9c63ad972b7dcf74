"""The contact card: APDUs, a session, readers, the driver."""
