"""One SoftHSM2 for the whole run: the library reads its configuration once a process."""

from pathlib import Path

import pytest

from tests.vault.kit import Tokens


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    folder: Path = tmp_path_factory.mktemp("softhsm")
    return Tokens(folder)
