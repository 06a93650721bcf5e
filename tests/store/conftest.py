"""Databases of each kind for the tests of the store; servers are started once, by the first test that needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kis_daemon.store.database import Database
from kis_daemon.store.migrate import migrate
from kis_daemon.store.urls import database_url
from tests.store.builders import a_database
from tests.store.places import KINDS, FilePlace, Place, Servers, file_place


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.stop()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return an empty database of the newest schema, of each kind."""
    if request.param == "sqlite":
        return file_place(tmp_path)
    made: Servers = request.getfixturevalue("servers")
    return made.kept(request.param, lambda url: migrate(database_url(url)))


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    """Return `place`, opened; a file does not wait for the disk."""
    if isinstance(place, FilePlace):
        with a_database(place.file.parent, durable=False) as opened:
            yield opened
        return
    opened = Database(place.url)
    opened.open()
    yield opened
    await opened.aclose()
    opened.close()
