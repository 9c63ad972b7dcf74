"""The process that checks one PIN: `python -I -m kiosk.pin`; on standard input an argon2id string, a line feed, the PIN.

It answers with its exit code. Whatever the hash and its library leave in memory ends with it.
"""

import os
import sys

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kiosk.devices.vault.hardened import forbid_dumps
from kiosk.devices.vault.pins import ASKED_MAX, EXIT_RIGHT, EXIT_WRONG


def checked(source: int) -> int:
    """Read the question to its end; EXIT_RIGHT or EXIT_WRONG. Raises ValueError for what is no question."""
    asked = memoryview(bytearray(ASKED_MAX))
    size = 0
    while got := os.readv(source, [asked[size:]]):
        size += got
    string, line_feed, _ = bytes(asked[:size]).partition(b"\n")
    if not line_feed:
        raise ValueError("no question")
    try:
        Argon2id.verify_phc_encoded(bytes(asked[len(string) + 1 : size]), string.decode("ascii"))
    except InvalidKey:
        return EXIT_WRONG
    return EXIT_RIGHT


if __name__ == "__main__":
    forbid_dumps()
    sys.exit(checked(sys.stdin.fileno()))
