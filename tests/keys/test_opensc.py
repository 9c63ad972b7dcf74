"""The virtual boot card is a PIV card for OpenSC's own tools: they name it, list it, log in, and agree a key with it."""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.devices.card import piv
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import State
from kiosk.devices.sim.pcscd import READERS
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import VpcdSlot
from tests.card.test_pcsc import await_state
from tests.keys.kit import PIN
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc
KEY_MANAGEMENT, SIGNATURE = "03", "02"  # OpenSC's ids of keys 9D and 9C
SLOT = ("--slot-index", "1")


@pytest.fixture(scope="module")
def card() -> Iterator[PivModel]:
    with running_pcscd() as daemon:
        slot, card = VpcdSlot(daemon.sam_port), PivModel.issue(PIN)
        slot.insert(card)
        time.sleep(0.8)
        yield card
        slot.pull()


@pytest.fixture
def other() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def said(*order: str) -> str:
    done = subprocess.run(order, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def agreed(card: PivModel, key: ec.EllipticCurvePrivateKey) -> bytes:
    public = x509.load_der_x509_certificate(card.certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return key.exchange(ec.ECDH(), public)


def test_its_name_its_objects_and_its_certificate(card: PivModel, tmp_path: Path) -> None:
    assert "Personal Identity Verification Card" in said("opensc-tool", "--reader", "1", "--name")
    assert "Personal Identity Verification Card" in said("piv-tool", "--reader", "1", "--name")
    listed = said("pkcs11-tool", *SLOT, "--list-objects")
    assert "X.509 Certificate for Key Management" in listed
    said("pkcs11-tool", *SLOT, "--read-object", "--type", "cert", "--id", KEY_MANAGEMENT, "--output-file", str(tmp_path / "9d"))
    assert (tmp_path / "9d").read_bytes() == card.certificate


def test_it_is_logged_in_with_the_pin_and_agrees_the_same_key_as_anybody(
    card: PivModel, other: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "point").write_bytes(other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    login = (*SLOT, "--login", "--pin", PIN)
    assert "KEY MAN key" in said("pkcs11-tool", *login, "--list-objects", "--type", "privkey")
    derive = ("--derive", "--mechanism", "ECDH1-DERIVE", "--id", KEY_MANAGEMENT, "--input-file", str(tmp_path / "point"))
    said("pkcs11-tool", *login, *derive, "--output-file", str(tmp_path / "z"))
    assert (tmp_path / "z").read_bytes() == agreed(card, other)


@pytest.mark.usefixtures("card")
def test_opensc_signs_with_key_9c_as_the_staff_does(tmp_path: Path) -> None:
    said("pkcs11-tool", *SLOT, "--read-object", "--type", "cert", "--id", SIGNATURE, "--output-file", str(tmp_path / "9c"))
    public = x509.load_der_x509_certificate((tmp_path / "9c").read_bytes()).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    digest = hashlib.sha256(b"what both sign").digest()
    (tmp_path / "digest").write_bytes(digest)
    sign = ("--sign", "--mechanism", "ECDSA", "--id", SIGNATURE, "--input-file", str(tmp_path / "digest"))
    said("pkcs11-tool", *SLOT, "--login", "--pin", PIN, *sign, "--output-file", str(tmp_path / "signed"))
    r, s = (int.from_bytes(half) for half in ((tmp_path / "signed").read_bytes()[:32], (tmp_path / "signed").read_bytes()[32:]))
    public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_opensc_counts_a_wrong_pin_as_we_do(card: PivModel) -> None:
    wrong = subprocess.run(
        ["pkcs11-tool", *SLOT, "--login", "--pin", "000000", "-O"], capture_output=True, text=True, timeout=30, check=False
    )
    assert "CKR_PIN_INCORRECT" in wrong.stderr
    assert card.tries == 2
    said("pkcs11-tool", *SLOT, "--login", "--pin", PIN, "--list-objects")
    assert card.tries == 3


def test_the_kiosks_own_way_to_it_goes_over_the_same_reader(card: PivModel, other: ec.EllipticCurvePrivateKey) -> None:
    reader = PcscReader(READERS[1])
    connection = reader.open(await_state(reader, State.PRESENT))
    connection.reset()  # OpenSC leaves a PIN as it was shown
    piv.select(connection)
    assert piv.certificate(connection) == card.certificate
    assert piv.tries(connection) == 3
    piv.verify(connection, PIN)
    assert piv.tries(connection) is None, "9000: it is shown already"
    point = other.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert piv.agree(connection, point) == agreed(card, other)
    connection.close()
    reader.close()
