"""The virtual boot card is a PIV card for OpenSC's own tools: they name it, list it, log in, and agree a key with it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
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
KEY_MANAGEMENT = "03"  # OpenSC's id of key 9D
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
