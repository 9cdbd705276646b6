"""Fixtures of the face service's tests, which name this file as their plugin."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from findme.engine.faces import Analyst
from tests.support.engine_service import Client, connected, labelled_folder, portraits, serving


@pytest.fixture(scope="session")
def engine_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models in the form that the service keeps, made once for all tests."""
    folder = tmp_path_factory.mktemp("models")
    Analyst.load(folder)
    return folder


@pytest.fixture
def engine_data(engine_models: Path, tmp_path: Path) -> Path:
    """An empty data directory with the models in it."""
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "models").symlink_to(engine_models)
    return folder


@pytest.fixture
async def rekognition(engine_data: Path) -> AsyncIterator[Client]:
    """A client of a fresh service."""
    async with serving(engine_data) as url, connected(url) as client:
        yield client


@pytest.fixture(scope="session")
def labelled_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``truth.json``: FINDME_PHOTOS, or two portraits in its place."""
    return labelled_folder() or portraits(tmp_path_factory.mktemp("photos"))
