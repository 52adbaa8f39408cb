"""Reader studies to test the server with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from reading_study import TWO_READERS, Clock, Served, write_run

from osteon.web.create import Created, create
from osteon.web.database import Store, sqlite_url
from osteon.web.server import create_app


@pytest.fixture(scope="session")
def created(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Created]:
    """Reader studies nobody has read in; each is made once."""
    return cache(
        lambda readers, cases, shape: create(
            write_run(tmp_path_factory.mktemp("study"), readers, cases=cases, shape=shape)
        )
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of a tester."""
    from browsing import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def serve(created: Callable[..., Created], tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serve a fresh copy of a reader study with the given ``[readers]`` section."""
    stores = []

    def served(
        readers: str = TWO_READERS, *, cases: int = 6, shape: tuple[int, int] = (120, 90), **options: bool
    ) -> Served:
        made = created(readers, cases, shape)
        copy = replace(made, folder=shutil.copytree(made.folder, tmp_path / "readers"))
        store = Store(sqlite_url(copy.folder / "site" / "study.db"))
        stores.append(store)
        clock = Clock()
        app = create_app(store, copy.folder / "site" / "pictures", clock=clock, **options)
        return Served(copy, app, store, clock, images=made.folder.parents[1] / "images")

    yield served
    for store in stores:
        store.close()
