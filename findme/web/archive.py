"""Taking home: a guest's photos, or everything that is held on them, as one streamed ZIP."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import orjson
from aiohttp import web

from findme import archive, db, events, exports, guests, shelves, storage
from findme.archive import Entry
from findme.errors import InvalidRequest, NotFound
from findme.exports import Original
from findme.guests import Guest
from findme.models import Event, PhotoId, Shelf
from findme.web.answers import MAX_LIMIT, parse_id
from findme.web.html import zone_of
from findme.web.keys import POOL, user
from findme.web.lists import joined_event, thresholds_of
from findme.web.photos import WRITE_SECONDS, bound_buffers


async def get_my_photos_zip(request: web.Request) -> web.StreamResponse:
    """GET /api/my-photos.zip: the originals of the caller's sure photos, or of those in `ids`."""
    event, guest = await joined_event(request)
    chosen = _ids_of(request)
    photos = [
        photo
        for photo in await _sure_photos(request, event, guest)
        if chosen is None or photo.photo_id in chosen
    ]
    if not photos:
        raise NotFound("There is no photo to take home.")
    return await _send(request, f"{event.name}.zip", _entries(request, photos), len(photos))


async def get_export(request: web.Request) -> web.StreamResponse:
    """GET /api/me/export: account.json, selfies, and the caller's sure photos of all events."""
    me = user(request)
    pool = request.app[POOL]
    async with db.acquire(pool) as conn:
        known = await exports.everything_on(conn, me.id)
        selfies = await exports.list_selfies(conn, me.id)
        joined = [
            (await events.get(conn, guest.event_id), guest)
            for guest in await guests.list_by_user(conn, me.id)
        ]
    folders = dict(
        zip(
            [event.id for event, _ in joined],
            archive.distinct_names(event.name for event, _ in joined),
            strict=True,
        )
    )
    entries = [
        Entry(
            f"selfies/{folders[selfie.event_id]}/selfie-{selfie.id}.jpg",
            selfie.size_bytes,
            selfie.at,
            partial(storage.read_chunks, pool, selfie.image_id),
        )
        for selfie in selfies
        if selfie.event_id in folders
    ]
    count = 0
    for event, guest in joined:
        photos = await _sure_photos(request, event, guest)
        entries += _entries(request, photos, f"photos/{folders[event.id]}/")
        count += len(photos)
    now = datetime.now(UTC)
    text = orjson.dumps(
        {"exported_at": now, **known, "files": [entry.name for entry in entries]},
        option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z,
    )
    entries.insert(0, Entry("account.json", len(text), now, partial(_whole, text)))
    return await _send(request, f"FindMe {now:%Y-%m-%d}.zip", entries, count)


def _ids_of(request: web.Request) -> set[int] | None:
    """Return the photos of `?ids=1,2,3`; None where it is left out."""
    text = request.query.get("ids")
    if text is None:
        return None
    try:
        return {parse_id(item) for item in text.split(",")}
    except NotFound as error:
        raise InvalidRequest("ids are ids of photos with commas between.", field="ids") from error


async def _sure_photos(request: web.Request, event: Event, guest: Guest) -> list[Original]:
    thresholds = thresholds_of(request, event)
    photo_ids: list[PhotoId] = []
    async with db.acquire(request.app[POOL]) as conn:
        while True:
            page = await shelves.list_mine(
                conn,
                guest.id,
                thresholds,
                Shelf.SURE,
                before=photo_ids[-1] if photo_ids else None,
                limit=MAX_LIMIT,
            )
            photo_ids += [photo.id for photo in page]
            if len(page) < MAX_LIMIT:
                return await exports.list_originals(conn, photo_ids)


def _entries(request: web.Request, photos: Sequence[Original], folder: str = "") -> list[Entry]:
    names = archive.distinct_names(photo.filename for photo in photos)
    return [
        Entry(
            folder + name,
            photo.size_bytes,
            photo.at,
            partial(exports.read_original, request.app[POOL], photo.photo_id),
        )
        for photo, name in zip(photos, names, strict=True)
    ]


async def _whole(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def _send(
    request: web.Request, filename: str, entries: Sequence[Entry], photos: int
) -> web.StreamResponse:
    """Stream an archive; between two chunks no connection is held, so a phone may take an hour."""
    response = web.StreamResponse(
        headers={
            "Content-Disposition": _attachment(filename),
            "Cache-Control": "private, no-store",
            "X-Total-Count": str(photos),
        }
    )
    response.content_type = "application/zip"
    response.content_length = archive.size_of(entries)
    bound_buffers(request)
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in archive.stream(entries, zone_of(request)):
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(chunk)
    await response.write_eof()
    return response


def _attachment(filename: str) -> str:
    """Return a Content-Disposition that old and new browsers understand (RFC 6266)."""
    (name,) = archive.distinct_names([filename])
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = "".join(char for char in letters if char.isalnum() or char in " .-_()").strip(" .-_")
    if not plain.endswith(".zip"):
        plain = "photos.zip"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


ROUTES = [
    web.get("/api/my-photos.zip", get_my_photos_zip),
    web.get("/api/me/export", get_export),
]
