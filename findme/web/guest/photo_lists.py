"""Guests' photos for the API and the pages: the event, the cursor, the photo's JSON."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from findme.accounts.guests import Guest
from findme.errors import InvalidRequest
from findme.gallery.guest_photos import ListedPhoto
from findme.media import renditions
from findme.models import Cursor, Event, EventId, PhotoId, Shelf
from findme.web.keys import RIGHTS, SAFE_METHODS, user
from findme.web.rendering import set_event_zone
from findme.web.responses import parse_id, time_text
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
    """Return the event of `?event=` (default: the last joined one) and the caller's part in it.

    NotFound if the caller did not join it.
    """
    user_id, event_id = user(request).id, None
    if "event" in request.query:
        event_id = EventId(parse_id(request.query["event"]))
    event, guest = await request.app[RIGHTS].find_joined(
        user_id, event_id, anew=request.method not in SAFE_METHODS
    )
    set_event_zone(request, event)
    return event, guest


def cursor_of(request: web.Request) -> Cursor | None:
    """Return `?before=` of a guest's list; InvalidRequest if it is not one that Link named."""
    text = request.query.get("before")
    if text is None:
        return None
    # five thousand years of microseconds, and any id
    if not (match := re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", text, re.ASCII)):
        raise InvalidRequest("before is what Link named: follow it.", field="before")
    dated_at = EPOCH + timedelta(microseconds=int(match[1]))
    return Cursor(dated_at, PhotoId(int(match[2])))


def cursor_text(cursor: Cursor | None) -> str | None:
    """Return a cursor as addresses carry it: microseconds since 1970, and the id."""
    if cursor is None:
        return None
    return f"{(cursor.dated_at - EPOCH) // timedelta(microseconds=1)}-{cursor.id}"


def _suffix_of(event: Event) -> str:
    """Return the end of the addresses of pictures that the event's options change."""
    version = renditions.version_of(event)
    return f"&v={version}" if version else ""


def photo_of(photo: ListedPhoto, event: Event) -> Photo:
    """Return a photo as the contract describes it, with the options of its event."""
    return _photo(photo, event, _suffix_of(event))


def photos_of(photos: Iterable[ListedPhoto], event: Event) -> list[Photo]:
    """Return the photos of a page, all of one event."""
    suffix = _suffix_of(event)
    return [_photo(photo, event, suffix) for photo in photos]


def _photo(photo: ListedPhoto, event: Event, suffix: str) -> Photo:
    path = f"/api/photo/{photo.id}?size="
    taken, uploaded = time_text(photo.taken_at), time_text(photo.uploaded_at)
    # it is nearly always one of the other two, and a page has a hundred
    if taken is not None and photo.dated_at == photo.taken_at:
        dated = taken
    elif photo.dated_at == photo.uploaded_at:
        dated = uploaded
    else:
        dated = time_text(photo.dated_at)
    return Photo(
        id=str(photo.id),
        event_id=str(photo.event_id),
        filename=photo.filename,
        width=photo.width,
        height=photo.height,
        taken_at=taken,
        uploaded_at=uploaded,
        dated_at=dated,
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
