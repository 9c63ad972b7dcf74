"""The conformance kit: somebody's driver, in a process of its own, over a wire that misbehaves, and a certificate of what it keeps."""
