"""Whoever asks for one guest's photos reads that guest's rows, among those of many events."""

from collections.abc import Awaitable, Callable

import pytest
from asyncpg.connection import LoggedQuery

from findme import db
from findme.accounts import guest_directory
from findme.db import Connection, Pool
from findme.gallery import contact_sheet, download_size, exports, guest_photos, guest_summary
from findme.messaging import notifications
from findme.models import EventId, GuestId, Metadata, PhotoId, Shelf, UserId
from findme.privacy import erasure_receipts
from findme.settings import Settings
from tests.bench.scale import fill

EVENT, PHOTO = EventId(2), PhotoId(1)
Reader = Callable[[Connection, GuestId, UserId], Awaitable[object]]

READERS: dict[str, Reader] = {
    "a shelf": lambda conn, guest, _: guest_photos.list_mine(
        conn, guest, Shelf.SURE, before=None, limit=101
    ),
    "a shelf's count": lambda conn, guest, _: guest_photos.count_mine(conn, guest, Shelf.MAYBE),
    "all photos": lambda conn, guest, _: guest_photos.list_everyones(
        conn, EVENT, guest, before=None, limit=101
    ),
    "favourites": lambda conn, guest, _: guest_photos.list_favourites(
        conn, guest, before=None, limit=101
    ),
    "favourites' count": lambda conn, guest, _: guest_photos.count_favourites(conn, guest),
    "a gallery's counts": lambda conn, guest, _: guest_summary.find(conn, EVENT, guest),
    "one photo": lambda conn, _, user: guest_photos.may_see(conn, PHOTO, user),
    "the ZIP's size": lambda conn, guest, _: download_size.weigh(conn, guest, Metadata.ESSENTIAL),
    "a message": lambda conn, guest, _: notifications.take(conn, EVENT, guest, Settings()),
    "a receipt": lambda conn, _, user: erasure_receipts.begin(conn, user, whole=True),
    "the export": lambda conn, _, user: exports.everything_on(conn, user),
    "a guest": lambda conn, _, user: guest_directory.get(conn, EVENT, user),
    "a photo's guests": lambda conn, _, _user: contact_sheet.read_details(conn, PHOTO),
}


@pytest.fixture
async def house(pool: Pool) -> Pool:
    """Ten events with 2,000 photos and 20 guests each; guest and account of event 2 are known."""
    async with db.acquire(pool) as conn:
        await fill(conn, events=10, photos=20_000, faces=40_000, jobs=10, guests=20, waiting=1)
    return pool


async def test_every_reader_goes_by_index(house: Pool) -> None:
    heard: list[tuple[str, LoggedQuery]] = []
    async with db.acquire(house) as conn:
        row = await conn.fetchrow(
            "select id, account_id from guest where event_id = $1 order by id limit 1", EVENT
        )
        assert row is not None
        for name, read in READERS.items():

            def hear(query: LoggedQuery, name: str = name) -> None:
                heard.append((name, query))

            with conn.query_logger(hear):
                await read(conn, GuestId(row["id"]), UserId(row["account_id"]))
        asked = [
            (name, query)
            for name, query in heard
            if "_photo" in query.query or "photo_guest" in query.query
        ]
        assert {name for name, _ in asked} == READERS.keys()
        for name, query in asked:
            plan = await conn.fetch("explain " + query.query, *query.args)
            text = "\n".join(line[0] for line in plan)
            assert "Seq Scan on match " not in text, f"{name}:\n{text}"
