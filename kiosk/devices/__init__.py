"""Bytes in, facts out: each device is a wire codec, a protocol table and a driver; simulators stand behind the wire."""
