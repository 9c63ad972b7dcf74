"""How many card keys a second: in this process against the bare library, in a security module against a bare loop over the same token."""

import os
import shutil
import subprocess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from kiosk.bench.table import Measured, NotMeasured, in_turn
from kiosk.devices.vault.keyset import first_set
from kiosk.devices.vault.suite import Keyring, PlainMaster, Role, derivation_tail

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, LABEL = "871203", "bench"
CARDS, ROUNDS, WARM = 10_000, 21, 3
TOKEN_CARDS, TOKEN_ROUNDS = 2_000, 15
SERIALS = [number.to_bytes(8) for number in range(CARDS)]
TAIL = derivation_tail(1, Role.AUTH, 0)


def derive_vs_bare_cmac() -> Measured:
    """Card keys from a master in this process, against copies of one keyed CMAC of `cryptography` over the same bytes."""
    keyring = Keyring(1, lambda _role, _generation: PlainMaster(bytes(32)))
    base = CMAC(AES(bytes(32)))

    def bare() -> None:
        for serial in SERIALS:
            state = base.copy()
            state.update(b"\x01" + serial + TAIL)
            state.finalize()

    ours, library = in_turn(lambda: _made(keyring, SERIALS), bare, ROUNDS, warm=WARM)
    return Measured(
        median(library) / median(ours),
        f"ours {_rate(ours, CARDS)}, bare {_rate(library, CARDS)} keys/s, n {ROUNDS}",
        baseline="cryptography's CMAC, copied from a keyed one, keys/s",
        baseline_value=CARDS / median(library),
    )


def pkcs11_derive_vs_token() -> Measured:
    """Card keys through our vault in a SoftHSM2, against a bare loop of python-pkcs11 over a key of the same token, and a loop in C."""
    try:
        import pkcs11  # noqa: PLC0415 - an optional part

        from kiosk.devices.vault.hsm import TokenVault  # noqa: PLC0415
    except ImportError:
        raise NotMeasured("python-pkcs11 is not installed; ./run test installs it") from None
    if not MODULE.exists() or shutil.which("softhsm2-util") is None:
        raise NotMeasured("SoftHSM2 is not installed; ./run test as root installs it")
    serials, cmac = SERIALS[:TOKEN_CARDS], pkcs11.Mechanism.AES_CMAC
    with TemporaryDirectory() as folder:
        _token(Path(folder))
        vault = TokenVault.create(MODULE, LABEL, PIN, 1, first_set("aes128", 0, 1, 1))
        keyring = vault.keyring(1, 1)
        session = pkcs11.lib(str(MODULE)).get_token(token_label=LABEL).open()  # the login is the token's
        key: Any = session.generate_key(pkcs11.KeyType.AES, 128, store=False, capabilities=pkcs11.MechanismFlag.SIGN)

        def bare() -> None:
            for serial in serials:
                key.sign(b"\x01" + serial + TAIL, mechanism=cmac)

        ours, library = in_turn(lambda: _made(keyring, serials), bare, TOKEN_ROUNDS, warm=WARM)
        session.close()
        vault.close()
        in_c = _loop_in_c(Path(folder))
    return Measured(
        median(library) / median(ours),
        f"ours {_rate(ours, TOKEN_CARDS)}, bare {_rate(library, TOKEN_CARDS)} keys/s, n {TOKEN_ROUNDS}",
        note=in_c,
        baseline="python-pkcs11's sign() in a loop, keys/s",
        baseline_value=TOKEN_CARDS / median(library),
    )


def _made(keyring: Keyring, serials: list[bytes]) -> None:
    keyring.card_keys(Role.AUTH, 0, serials)


def _rate(seconds: list[float], cards: int) -> str:
    return f"{cards / median(seconds):,.0f} ({cards / max(seconds):,.0f} to {cards / min(seconds):,.0f})"


def _token(folder: Path) -> None:
    """A new token. The library reads its configuration when it is loaded, which must not have happened in this process."""
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    order = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN]
    subprocess.run(order, check=True, capture_output=True)  # noqa: S603 - the tool that was found


def _loop_in_c(folder: Path) -> str:
    """The same signatures by a C program over the same token, as far as there is a compiler."""
    if shutil.which("gcc") is None:
        return "no compiler for the loop in C"
    program = folder / "token"
    subprocess.run(["gcc", "-O2", "-o", program, Path(__file__).with_name("token.c"), "-ldl"], check=True, capture_output=True)  # noqa: S603, S607
    order = [str(program), str(MODULE), PIN, str(TOKEN_CARDS * TOKEN_ROUNDS)]
    rate = subprocess.run(order, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own program
    return f"a loop in C: {int(rate):,} keys/s"
