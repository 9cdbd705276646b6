"""An event that is backed up, and where it is restored to."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from findme.db import Pool
from findme.gallery import events
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import PhotoId, Size
from findme.settings import Settings
from tests.support.helpers import add_gala, add_match, add_photos, member
from tests.support.pictures import drawn


@pytest.fixture
def home(tmp_path: Path, database: str) -> Settings:
    """Settings over a database that is full."""
    return Settings(findme_data_dir=tmp_path / "var", database_url=database)


@pytest.fixture
def away(tmp_path: Path, empty_database: str) -> Settings:
    """Settings over an empty database, on another machine as it were."""
    return Settings(findme_data_dir=tmp_path / "away", database_url=empty_database)


async def make_event(pool: Pool, name: str = "Gala") -> dict[str, Any]:
    async with pool.acquire() as conn:
        event = await add_gala(conn, name)
        await events.mark_collection_ready(conn, event, engine="embedded", face_model="1")
    return {"id": str(event.id)}


async def found(settings: Settings, query: str, *values: object) -> list[Any]:
    """Return the first column of a query on the settings' database."""
    conn = await asyncpg.connect(settings.database_url)
    try:
        return [row[0] for row in await conn.fetch(query, *values)]
    finally:
        await conn.close()


async def add_event_with_data(pool: Pool) -> dict[str, Any]:
    """An event with two guests on three photos, one of them with its bytes."""
    event = await make_event(pool)
    ada = await member(pool, event, "ada@example.org")
    bob = await member(pool, event, "bob@example.org")
    async with pool.acquire() as conn:
        ids = await add_photos(conn, event, 3)
        await add_match(conn, ada.guest_id, ids[0], 97.0)
        await add_match(conn, bob.guest_id, ids[1], 98.0)
        await storage.store_bytes(
            conn, drawn(1), ImageOwner(photo_id=PhotoId(ids[1])), size=Size.ORIGINAL
        )
    return {"event": event, "ada": ada, "bob": bob, "photos": ids}
