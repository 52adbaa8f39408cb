"""Reader studies to test the server with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reading_study import TWO_READERS, Clock, Served, write_run

from osteon.app.create import create
from osteon.app.database import Store, sqlite_url
from osteon.app.server import create_app


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Make a reader study with the given ``[readers]`` section, and its application."""
    stores = []

    def made(readers: str = TWO_READERS, *, cases: int = 6, **options: object) -> Served:
        created = create(write_run(tmp_path / "study", readers, cases=cases))
        store = Store(sqlite_url(created.folder / "site" / "study.db"))
        stores.append(store)
        clock = Clock()
        app = create_app(store, created.folder / "site" / "pictures", clock=clock, **options)
        return Served(created, app, store, clock)

    yield made
    for store in stores:
        store.close()
