"""An office whose people have something to decide, on either database."""

from collections.abc import Iterator

import pytest

from kiosk.hq.store import IN_MEMORY
from tests.hq.people.move_kit import two_peoples_town
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Town


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    made = two_peoples_town(IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database"))
    yield made
    made.store.close()
