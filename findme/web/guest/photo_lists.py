"""A guest's photo lists, from the cache or the database: what the API and the pages both show."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.accounts import guests
from findme.accounts.guests import Guest
from findme.cache import PHOTOS
from findme.db import Connection
from findme.errors import GalleryIsPrivate, InvalidRequest, NotFound
from findme.gallery import events, guest_photos, photos
from findme.gallery.guest_photos import Listed
from findme.media import renditions
from findme.models import Cursor, Event, EventId, Gallery, PhotoId, Shelf
from findme.web.keys import CACHE, POOL, actor, user
from findme.web.rendering import set_event_zone
from findme.web.responses import pack_list, parse_id, split_page, time_text
from findme.web.shapes import Box, Faces, Id, Path, Placeholder, Time, box_of

#: Cursors count from here.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Photo(Struct, frozen=True):
    """A photo as a guest sees it."""

    id: Id
    event_id: Id
    filename: str
    width: Annotated[int, Meta(description="Pixels of the upright picture.")]
    height: Annotated[int, Meta(description="Pixels of the upright picture.")]
    taken_at: Time | None
    uploaded_at: Time
    dated_at: Annotated[
        Time, Meta(description="What lists are sorted by: taken_at, if that can be right.")
    ]
    faces: Faces
    has_face_match: Annotated[bool, Meta(description="Whether match is not null.")]
    match: Annotated[Shelf | None, Meta(description="How surely it shows the caller.")]
    face_box: Box | None
    thumb_url: Path
    preview_url: Path
    original_url: Annotated[
        Path | None, Meta(description="null: the organiser has turned downloads off.")
    ]
    placeholder: Placeholder
    favourite: Annotated[bool, Meta(description="Whether the caller marked it.")]
    credit: Annotated[str | None, Meta(description="The photographer.")]


async def joined_event(request: web.Request) -> tuple[Event, Guest]:
    """Return the event of `?event=` (the last joined one if left out) and the caller's part in it.

    NotFound if the caller did not join it.
    """
    user_id = user(request).id
    async with db.acquire(request.app[POOL]) as conn:
        if "event" in request.query:
            event_id = EventId(parse_id(request.query["event"]))
            guest = await guests.find(conn, event_id, user_id)
        else:
            guest = next(iter(await guests.list_by_user(conn, user_id)), None)
        if guest is None:
            raise NotFound
        event = await events.get(conn, guest.event_id)
    set_event_zone(request, event)
    return event, guest


def cursor_of(request: web.Request) -> Cursor | None:
    """Return `?before=` of a guest's list; InvalidRequest where it is none of ours."""
    text = request.query.get("before")
    if text is None:
        return None
    # five thousand years of microseconds, and any id
    if not (match := re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", text, re.ASCII)):
        raise InvalidRequest("before is what Link named: follow it.", field="before")
    dated_at = EPOCH + timedelta(microseconds=int(match[1]))
    return Cursor(dated_at, PhotoId(int(match[2])))


def cursor_text(cursor: Cursor | None) -> str | None:
    """Return a cursor as it stands in an address: microseconds since 1970, and the id."""
    if cursor is None:
        return None
    return f"{(cursor.dated_at - EPOCH) // timedelta(microseconds=1)}-{cursor.id}"


async def guest_who_sees(request: web.Request, conn: Connection, photo_id: PhotoId) -> Guest:
    """Return the caller's part in a photo's event; NotFound if they may not see the photo."""
    me = user(request)
    photo = await photos.get(conn, photo_id)
    guest = await guests.find(conn, photo.event_id, me.id)
    if guest is None or not await guest_photos.may_see(conn, photo_id, me.id):
        raise NotFound
    return guest


def photo_of(photo: Listed, event: Event) -> Photo:
    """Return a photo as the contract describes it, in the terms of its event's choices."""
    path = f"/api/photo/{photo.id}?size="
    version = renditions.version_of(event)
    suffix = f"&v={version}" if version else ""
    return Photo(
        id=str(photo.id),
        event_id=str(photo.event_id),
        filename=photo.filename,
        width=photo.width,
        height=photo.height,
        taken_at=time_text(photo.taken_at),
        uploaded_at=time_text(photo.uploaded_at),
        dated_at=time_text(photo.dated_at),
        faces=photo.faces,
        has_face_match=photo.match is not None,
        match=photo.match,
        face_box=None if photo.face_box is None else box_of(photo.face_box),
        thumb_url=path + "thumb",
        preview_url=path + "preview" + suffix,
        original_url=path + "original" + suffix if event.downloads else None,
        placeholder=photo.placeholder,
        favourite=photo.favourite,
        credit=photo.credit,
    )


async def my_photos(
    request: web.Request,
    event: Event,
    guest: Guest,
    shelf: Shelf,
    *,
    before: Cursor | None,
    limit: int,
) -> bytes:
    """Return a packed page of a guest's shelf."""

    async def make() -> bytes:
        async with db.acquire(request.app[POOL]) as conn:
            found = await guest_photos.list_mine(
                conn, guest.id, shelf, before=before, limit=limit + 1
            )
            total = await guest_photos.count_mine(conn, guest.id, shelf)
        return await asyncio.to_thread(_pack, found, event, total, limit)

    key = f"mine:{guest.id}:{shelf}:{cursor_text(before)}:{limit}"
    return await _cached(request, event.id, guest, key, make)


async def favourite_photos(
    request: web.Request, event: Event, guest: Guest, *, before: Cursor | None, limit: int
) -> bytes:
    """Return a packed page of the photos that a guest marked."""

    async def make() -> bytes:
        async with db.acquire(request.app[POOL]) as conn:
            found = await guest_photos.list_favourites(
                conn, guest.id, before=before, limit=limit + 1
            )
            total = await guest_photos.count_favourites(conn, guest.id)
        return await asyncio.to_thread(_pack, found, event, total, limit)

    key = f"favourites:{guest.id}:{cursor_text(before)}:{limit}"
    return await _cached(request, event.id, guest, key, make)


async def all_photos(
    request: web.Request,
    event: Event,
    guest: Guest | None,
    *,
    before: Cursor | None,
    limit: int,
) -> bytes:
    """Return a packed page of an event's photos.

    GalleryIsPrivate where the gallery is `own`, or the guest gave no consent and none may browse.
    """
    hidden = guest is not None and not guest.consented and not event.browse
    if (event.gallery is Gallery.OWN or hidden) and not actor(request).is_admin:
        raise GalleryIsPrivate
    guest_id = None if guest is None else guest.id

    async def make() -> bytes:
        async with db.acquire(request.app[POOL]) as conn:
            found = await guest_photos.list_everyones(
                conn,
                event.id,
                guest_id,
                before=before,
                limit=limit + 1,
            )
            total = await guest_photos.count_visible(conn, event.id)
        return await asyncio.to_thread(_pack, found, event, total, limit)

    return await _cached(
        request, event.id, guest, f"all:{guest_id}:{cursor_text(before)}:{limit}", make
    )


def _pack(found: list[Listed], event: Event, total: int, limit: int) -> bytes:
    page, more = split_page(found, limit)
    items = [photo_of(photo, event) for photo in page]
    return pack_list(items, total, cursor_text(page[-1].cursor) if more else None)


async def _cached(
    request: web.Request,
    event_id: EventId,
    guest: Guest | None,
    key: str,
    make: Callable[[], Awaitable[bytes]],
) -> bytes:
    cache = request.app[CACHE]
    # versions are read before the rows: a change in between makes this page stale at once
    version = await cache.version(event_id)
    marked = 0 if guest is None else await cache.guest_version(guest.id)
    packed = await cache.get(PHOTOS, f"{event_id}:{version}:{marked}:{key}", make)
    assert packed is not None
    return packed
