"""Taking home: a guest's photos, or everything that is held on them, as one streamed ZIP.

Photos are as the organiser lets guests have them: originals, smaller ones, with a watermark. What
has not been made yet is made when its turn comes; the archive's length is then not told.
"""

import logging
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import orjson
from aiohttp import web

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.errors import BadImage, DownloadsOff, InvalidRequest, NotFound
from findme.gallery import events, exports, guest_photos
from findme.gallery.exports import Original
from findme.media import renditions, storage, zip_stream
from findme.media.renditions import Recipe
from findme.media.zip_stream import Entry
from findme.models import Event, PhotoId, Shelf
from findme.web.guest.photo_lists import joined_event, thresholds_of
from findme.web.guest.photos import bound_buffers, send
from findme.web.keys import IMAGES, POOL, user
from findme.web.rendering import zone_of
from findme.web.responses import MAX_LIMIT, parse_id

log = logging.getLogger(__name__)


async def get_my_photos_zip(request: web.Request) -> web.StreamResponse:
    """GET /api/my-photos.zip: the caller's sure photos, or those in `ids`."""
    event, guest = await joined_event(request)
    if not event.downloads:
        raise DownloadsOff
    chosen = _ids_of(request)
    photos = [
        photo
        for photo in await _sure_photos(request, event, guest)
        if chosen is None or photo.photo_id in chosen
    ]
    if not photos:
        raise NotFound("There is no photo to take home.")
    entries = await _for_guests(request, event, photos)
    return await send_archive(request, f"{event.name}.zip", entries, len(photos))


async def get_export(request: web.Request) -> web.StreamResponse:
    """GET /api/me/export: account.json, selfies, and the caller's sure photos of all events.

    Where downloads are off, a photo is there as the caller sees it on the page.
    """
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
            zip_stream.distinct_names(event.name for event, _ in joined),
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
        entries += await _for_guests(request, event, photos, f"photos/{folders[event.id]}/")
        count += len(photos)
    now = datetime.now(UTC)
    text = orjson.dumps(
        {"exported_at": now, **known, "files": [entry.name for entry in entries]},
        option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z,
    )
    entries.insert(0, Entry("account.json", len(text), now, partial(_whole, text)))
    return await send_archive(request, f"FindMe {now:%Y-%m-%d}.zip", entries, count)


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
    before = None
    async with db.acquire(request.app[POOL]) as conn:
        while True:
            page = await guest_photos.list_mine(
                conn,
                guest.id,
                thresholds,
                Shelf.SURE,
                before=before,
                limit=MAX_LIMIT,
            )
            photo_ids += [photo.id for photo in page]
            if len(page) < MAX_LIMIT:
                return await exports.list_originals(conn, photo_ids)
            before = page[-1].cursor


def entries_of(request: web.Request, photos: Sequence[Original], folder: str = "") -> list[Entry]:
    """Return the members of an archive of photos."""
    names = zip_stream.distinct_names(photo.filename for photo in photos)
    return [
        Entry(
            folder + name,
            photo.size_bytes,
            photo.at,
            partial(exports.read_original, request.app[POOL], photo.photo_id),
        )
        for photo, name in zip(photos, names, strict=True)
    ]


async def _for_guests(
    request: web.Request, event: Event, photos: Sequence[Original], folder: str = ""
) -> list[Entry]:
    """Return the members of an archive of photos as guests of the event may have them."""
    recipe = renditions.taken_along(event)
    if recipe is None:
        return entries_of(request, photos, folder)
    async with db.acquire(request.app[POOL]) as conn:
        made = await renditions.sizes(conn, [photo.photo_id for photo in photos], recipe)
    names = zip_stream.distinct_names(renditions.file_name(photo.filename) for photo in photos)
    return [
        Entry(
            folder + name,
            made.get(photo.photo_id),
            photo.at,
            partial(_read_handout, request, photo.photo_id, recipe),
        )
        for photo, name in zip(photos, names, strict=True)
    ]


async def _read_handout(
    request: web.Request, photo_id: PhotoId, recipe: Recipe
) -> AsyncIterator[bytes]:
    """Yield a photo as guests get it; nothing of one that is gone or cannot be read any more."""
    try:
        image = await request.app[IMAGES].rendition(photo_id, recipe)
    except (NotFound, BadImage) as problem:
        log.warning("[ZIP] Photo %s is left out: %s", photo_id, problem)
        return
    async for chunk in storage.read_chunks(request.app[POOL], image.id):
        yield chunk


async def _whole(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def send_archive(
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
    # without a length aiohttp sends chunks, and HTTP/1.0 ends with the connection
    response.content_length = zip_stream.size_of(entries)
    bound_buffers(request)
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in zip_stream.stream(entries, zone_of(request)):
            await send(request, response, chunk)
    await response.write_eof()
    return response


def _attachment(filename: str) -> str:
    """Return a Content-Disposition that old and new browsers understand (RFC 6266)."""
    (name,) = zip_stream.distinct_names([filename])
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = "".join(char for char in letters if char.isalnum() or char in " .-_()").strip(" .-_")
    if not plain.endswith(".zip"):
        plain = "photos.zip"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


ROUTES = [
    web.get("/api/my-photos.zip", get_my_photos_zip),
    web.get("/api/me/export", get_export),
]
