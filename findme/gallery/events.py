"""Events: created, changed and deleted."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import asyncpg

from findme import queue
from findme.db import Connection
from findme.errors import CollectionSwitched, InvalidRequest, NotFound
from findme.faces import reindex_state
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import (
    Accounts,
    Admission,
    DownloadSize,
    Event,
    EventId,
    EventKind,
    Gallery,
    JobKind,
    KeptFaces,
    Metadata,
    PhotoId,
    Publish,
    Size,
    Thresholds,
    UserId,
)
from findme.settings import Settings

#: Without 0 O, 1 I L, and U V, so that a code that is read aloud over music is typed right.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"
CODE_LENGTH = 8


def clean_code(code: str) -> str:
    """Return a typed code in its stored form: capitals, without blanks and hyphens."""
    return "".join(code.split()).replace("-", "").upper()


async def create(
    conn: Connection,
    *,
    name: str,
    starts_at: datetime | None,
    expires_at: datetime | None,
    gallery: Gallery,
    join_open: bool,
) -> Event:
    """Add an event with a code of its own."""
    while True:
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        try:
            async with conn.transaction():
                event_id = await conn.fetchval(
                    """
                    insert into event (code, name, starts_at, expires_at, gallery, join_open,
                                       collection_id)
                    values ($1, $2, $3, $4, $5, $6, $7) returning id""",
                    code,
                    name,
                    starts_at,
                    expires_at,
                    gallery,
                    join_open,
                    reindex_state.new_collection_id(),
                )
        except asyncpg.UniqueViolationError:
            continue
        return await get(conn, EventId(event_id))


async def get(conn: Connection, event_id: EventId) -> Event:
    """Return an event; NotFound if there is none."""
    row = await conn.fetchrow(
        "select * from event join event_threshold on event_id = id where id = $1", event_id
    )
    if row is None:
        raise NotFound
    return event_of(row)


async def lock(conn: Connection, event_id: EventId, faces: KeptFaces | None = None) -> None:
    """Lock an event for key share until the transaction ends; NotFound if it is gone.

    CollectionSwitched if it no longer keeps these *faces*: the caller's answers are of the others.
    A transaction that writes an event's guests or photos locks the event first. The deletion of the
    event locks its row first too, so the two cannot deadlock.
    """
    kept = await conn.fetchval("select kept_faces from event where id = $1 for key share", event_id)
    if kept is None:
        raise NotFound
    if faces is not None and kept != faces:
        raise CollectionSwitched


async def get_by_code(conn: Connection, code: str) -> Event:
    """Return the event of a typed code; NotFound if there is none, or if it has expired."""
    code = clean_code(code)
    # other characters are in no code, and PostgreSQL may not even accept them as text
    known = set(code) <= set(CODE_ALPHABET)
    # an expired event admits nobody while it waits for its deletion
    query = """
        select * from event join event_threshold on event_id = id
         where code = $1 and (expires_at is null or expires_at > now())"""
    row = await conn.fetchrow(query, code) if known else None
    if row is None:
        raise NotFound("This code opens no event. Check the 8 characters on the card.")
    return event_of(row)


async def list_all(conn: Connection, *, before: EventId | None, limit: int) -> list[Event]:
    """Return events, newest first, older than *before*."""
    rows = await conn.fetch(
        """
        select * from event join event_threshold on event_id = id
         where $1::bigint is null or id < $1
         order by id desc limit $2""",
        before,
        limit,
    )
    return [event_of(row) for row in rows]


async def list_joined(conn: Connection, user_id: UserId) -> list[Event]:
    """Return the events that a user joined, the last joined first."""
    rows = await conn.fetch(
        """
        select * from event join event_threshold on event_id = id
         where id in (select guest.event_id from guest where account_id = $1)
         order by (select guest.id from guest
                    where guest.event_id = event.id and account_id = $1) desc
        """,
        user_id,
    )
    return [event_of(row) for row in rows]


async def count_all(conn: Connection) -> int:
    """Return how many events there are."""
    count: int = await conn.fetchval("select count(*) from event")
    return count


async def update(conn: Connection, event: Event) -> Event:
    """Store what an organiser may change: names, times, thresholds, options, but not `faces`.

    InvalidRequest if a match could be sure without being maybe.
    """
    await conn.execute(
        """
        update event set name = $2, starts_at = $3, expires_at = $4, gallery = $5, join_open = $6,
                         match_threshold = $7, maybe_threshold = $8, accounts = $9, browse = $10,
                         downloads = $11, download_size = $12, watermark = $13, publish = $14,
                         accent = $15, closes_at = $16, time_zone = $17, wall_token = $18,
                         controller = $19, contact = $20, occasion = $21,
                         drop_selfies = $22, metadata = $23, admission = $24
         where id = $1""",
        event.id,
        event.name,
        event.starts_at,
        event.expires_at,
        event.gallery,
        event.join_open,
        event.match_threshold,
        event.maybe_threshold,
        event.accounts,
        event.browse,
        event.downloads,
        event.download_size,
        event.watermark,
        event.publish,
        event.accent,
        event.closes_at,
        event.time_zone,
        event.wall_token,
        event.controller,
        event.contact,
        event.kind,
        event.drop_selfies,
        event.metadata,
        event.admission,
    )
    written = await get(conn, event.id)
    sure, maybe = written.thresholds.sure, written.thresholds.maybe
    if maybe > sure:
        sentence = f"maybe ({maybe:g}) would be above match ({sure:g})."
        raise InvalidRequest(sentence, field="maybe_threshold")
    return written


async def set_default_thresholds(conn: Connection, settings: Settings) -> None:
    """Store the settings' thresholds, which hold in every process for events without their own."""
    await conn.execute(
        """
        update default_threshold set sure = $1, maybe = $2
         where (sure, maybe) is distinct from ($1, $2)""",
        settings.face_match_threshold,
        settings.face_maybe_threshold,
    )


async def set_cover(conn: Connection, event_id: EventId, pictures: Mapping[Size, bytes]) -> Event:
    """Replace an event's cover by these JPEGs; without any it has none."""
    await lock(conn, event_id)
    await conn.execute("delete from image where event_id = $1", event_id)
    cover = None
    if pictures:
        cover = hashlib.sha256(b"".join(pictures.values())).hexdigest()[:8]
    await conn.execute("update event set cover = $2 where id = $1", event_id, cover)
    for size, jpeg in pictures.items():
        await storage.store_bytes(conn, jpeg, ImageOwner(event_id=event_id), size=size)
    return await get(conn, event_id)


def zone_of(event: Event) -> tzinfo | None:
    """Return the time zone of an event; None if none was chosen."""
    try:
        return None if event.time_zone is None else ZoneInfo(event.time_zone)
    except (KeyError, OSError):  # it was chosen on a machine that knows more zones
        return None


async def of_photo(conn: Connection, photo_id: PhotoId) -> Event:
    """Return the event that a photo is of; NotFound if it is gone."""
    row = await conn.fetchrow(
        """
        select * from event join event_threshold on event_id = id
         where id = (select photo.event_id from photo where photo.id = $1)""",
        photo_id,
    )
    if row is None:
        raise NotFound
    return event_of(row)


async def mark_collection_ready(
    conn: Connection, event: Event, *, engine: str, face_model: str
) -> None:
    """Record the engine and the face model of the event's collection.

    NotFound if the event is gone; nothing is recorded if it has switched to another collection.
    """
    await conn.execute(
        """
        update event set collection_ready = true, engine = $3, face_model = $4
         where id = $1 and collection_id = $2""",
        event.id,
        event.collection_id,
        engine,
        face_model,
    )
    if not await conn.fetchval("select exists (select from event where id = $1)", event.id):
        raise NotFound


async def delete(conn: Connection, event_id: EventId) -> None:
    """Delete an event with its photos, faces and guests; a job deletes the engine's collection.

    NotFound if there is none.
    """
    collection_id: str | None = await conn.fetchval(
        "delete from event where id = $1 returning collection_id", event_id
    )
    if collection_id is None:
        raise NotFound
    await queue.enqueue(
        conn,
        JobKind.DELETE_COLLECTION,
        label=collection_id,
        payload={"collection_id": collection_id},
    )


async def list_expired(conn: Connection) -> list[EventId]:
    """Return the events whose time is over."""
    rows = await conn.fetch("select id from event where expires_at < now()")
    return [EventId(row["id"]) for row in rows]


def event_of(row: asyncpg.Record) -> Event:
    """Return the event of a row of `event` and `event_threshold`."""
    columns = {item.name: item.name for item in fields(Event)} | {
        "kind": "occasion",
        "faces": "kept_faces",
    }
    values = {name: row[column] for name, column in columns.items() if name != "thresholds"}
    for name in ("match_threshold", "maybe_threshold"):
        values[name] = None if values[name] is None else _similarity(values[name])
    values |= {
        "kind": EventKind(row["occasion"]),
        "gallery": Gallery(row["gallery"]),
        "accounts": Accounts(row["accounts"]),
        "admission": Admission(row["admission"]),
        "download_size": DownloadSize(row["download_size"]),
        "metadata": Metadata(row["metadata"]),
        "publish": Publish(row["publish"]),
        "faces": KeptFaces(row["kept_faces"]),
        "thresholds": Thresholds(_similarity(row["sure"]), _similarity(row["maybe"])),
    }
    return Event(**values)


def _similarity(stored: float) -> float:
    """Return a stored similarity as it was set: PostgreSQL's real has about seven digits."""
    return round(stored, 3)
