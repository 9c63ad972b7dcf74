"""A door of the demo's head office: the product's own HTTPS server on this machine's own address, with a certificate of a day."""

import datetime as dt
import ipaddress
import signal
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.applications import Starlette

from kiosk.hq.serving import Certificate, listening, server

HOST = "127.0.0.1"
OPENS_S, CLOSES_S = 10.0, 10.0


class Door:
    """Open from `open` on. `folder`: for the certificate; `url` and `ca` are what whoever knocks has to know of it."""

    def __init__(self, folder: Path, app: Starlette) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        self._listener = listening(HOST, 0)
        self.url = f"https://{HOST}:{self._listener.getsockname()[1]}"
        self._server = server(app, _certified(folder, self.ca))
        self._thread = threading.Thread(target=lambda: self._server.run(sockets=[self._listener]), name="door", daemon=True)

    def open(self) -> None:
        """Kiosks may knock."""
        self._thread.start()
        until_s = time.monotonic() + OPENS_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until_s:
            time.sleep(0.01)

    def close(self) -> None:
        """Nobody is served any more."""
        self._server.handle_exit(signal.SIGINT, None)
        if self._thread.is_alive():
            self._thread.join(CLOSES_S)
        self._listener.close()


def _certified(folder: Path, ca_file: Path) -> Certificate:
    """A CA that signs one certificate, and is forgotten. Both have what RFC 5280 asks for, which Python checks from 3.13 on."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _named("Demo CA")
    signs, serves = _usage(key_cert_sign=True, crl_sign=True), _usage(digital_signature=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = _begun(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = ca.add_extension(signs, critical=True).add_extension(identifier, critical=False)
    leaf = _begun(_named(HOST), ca_name, key).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(serves, critical=True)
    for extension in (
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
    ):
        leaf = leaf.add_extension(extension, critical=False)
    ca_file.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    made.chain.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    made.key.touch(mode=0o600)
    made.key.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return made


def _usage(**allowed: bool) -> x509.KeyUsage:
    """What a key is for; nothing else."""
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{**dict.fromkeys((*kinds, *others), False), **allowed})


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return made.not_valid_before(now - day).not_valid_after(now + day)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
