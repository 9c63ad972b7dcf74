"""A secret that somebody typed lives in a buffer of its own, which is overwritten when it has been used.

Text and bytes of Python cannot be overwritten: what was a string once is found in freed memory for as long as the process lives. So a PIN
is a `bytearray` from the first key to the process that checks it, goes through sockets and pipes without a copy, and no message quotes it.
"""


def wipe(*buffers: bytearray) -> None:
    """Overwrite each, where it lies."""
    for buffer in buffers:
        buffer[:] = bytes(len(buffer))


def moved(buffer: bytearray) -> bytearray:
    """The secret in another buffer, and no longer in this one."""
    there = bytearray(buffer)
    wipe(buffer)
    return there
