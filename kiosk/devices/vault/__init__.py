"""Keys: the cipher-suite seam, a vault of public test masters, the station store."""
