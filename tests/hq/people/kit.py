"""Staff with keys that nobody has to type: each is added by a root of the test's own at the first use of the name.

crew = Crew(store)
desk.decide(value, crew("anna"), now_ms)
"""

import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk import envelope
from kiosk.hq.people.approvals import Approvals
from kiosk.hq.people.staff import Acting, People, Signer, Staff, granted
from kiosk.hq.store import Store

ALL = ("settle", "office")


def signer(key: Ed25519PrivateKey) -> Signer:
    return lambda label, data: key.sign(envelope.labelled(label, data))


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


class Crew:
    """The staff of a store. The login of each is their name."""

    def __init__(self, store: Store) -> None:
        self._root, self.keys, self._lock = Ed25519PrivateKey.generate(), dict[str, Ed25519PrivateKey](), threading.Lock()
        self.root, self.root_key = signer(self._root), public(self._root)
        self.people = People(store, [self.root_key])
        self.approvals = Approvals(store, self.people)

    def __call__(self, name: str) -> Acting:
        """Whoever that is, at work."""
        with self._lock:
            if name not in self.keys:
                self.add(name)
        return Acting(name, name, signer(self.keys[name]))

    def add(self, name: str, *operations: str, login: str = "", key: Ed25519PrivateKey | None = None) -> Staff:
        """One more, with all rights if none are named."""
        own = key or self.keys.get(name) or Ed25519PrivateKey.generate()
        person = Staff(name, login or name, public(own), granted(name, operations or ALL, 1), 1)
        self.people.put(self.root, person)
        self.keys[name] = own
        return person

    def leaves(self, name: str, now_ms: int) -> None:
        """From now on they are not on the staff."""
        self.people.end(self.root, name, now_ms)
