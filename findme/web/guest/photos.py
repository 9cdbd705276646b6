"""Guests' photo lists and the bytes of photos."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from findme.errors import DownloadsOff, GalleryIsPrivate
from findme.models import PhotoId, Shelf, Size
from findme.web.guest import photo_lists
from findme.web.keys import PICTURES, actor, user
from findme.web.openapi.route import (
    EVENT,
    PICTURE_TYPES,
    Query,
    Tag,
    Who,
    a_page,
    get,
    picture_answers,
)
from findme.web.responses import choice_of, limit_of, list_answer, path_id
from findme.web.streaming import CACHE_CONTROL, send_image

#: The shelf of what the guest marked, beside those of what was found.
FAVOURITES = "favourites"


async def get_my_photos(request: web.Request) -> web.Response:
    """GET /api/my-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    shelf = choice_of(request, "shelf", [*Shelf, FAVOURITES], Shelf.SURE)
    event, guest = await photo_lists.joined_event(request)
    if shelf == FAVOURITES:
        packed = await photo_lists.favourite_photos(
            request, event, guest, before=before, limit=limit
        )
    else:
        packed = await photo_lists.my_photos(
            request, event, guest, Shelf(shelf), before=before, limit=limit
        )
    return list_answer(request, packed)


async def get_all_photos(request: web.Request) -> web.Response:
    """GET /api/all-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    event, guest = await photo_lists.joined_event(request)
    packed = await photo_lists.all_photos(request, event, guest, before=before, limit=limit)
    return list_answer(request, packed)


async def get_photo(request: web.Request) -> web.StreamResponse:
    """GET /api/photo/{id}: bytes, streamed chunk by chunk, for whoever may see the photo."""
    photo_id = PhotoId(path_id(request))
    size = Size(choice_of(request, "size", Size, Size.PREVIEW))
    caller, pictures = user(request), request.app[PICTURES]
    if actor(request).is_admin:
        picture = await pictures.find_for_admin(photo_id, size)
    else:
        picture = await pictures.find_for_guest(caller, photo_id, size)
    same = request.query.get("v", "") == picture.version
    return await send_image(
        request, picture.image, cache_control=CACHE_CONTROL if same else "private, no-cache"
    )


_SHELVES = Annotated[str, Meta(extra_json_schema={"enum": [*Shelf, FAVOURITES]})]
_SIZE = Query("size", "Which rendition.", Size, Size.PREVIEW)
_PICTURE = picture_answers(*PICTURE_TYPES)

ROUTES = [
    get(
        "/api/my-photos",
        get_my_photos,
        "The photos that show the caller",
        a_page(photo_lists.Photo),
        query=[
            EVENT,
            Query("shelf", "How surely, or what the caller marked.", _SHELVES, Shelf.SURE),
        ],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    get(
        "/api/all-photos",
        get_all_photos,
        "All photos of an event that the caller joined",
        a_page(photo_lists.Photo),
        query=[EVENT],
        fails=[GalleryIsPrivate],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    get(
        "/api/photo/{id}",
        get_photo,
        "The bytes of a photo",
        *_PICTURE,
        query=[_SIZE],
        fails=[DownloadsOff],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    get(
        "/api/image/{id}",
        get_photo,
        "The same under its older name",
        *_PICTURE,
        query=[_SIZE],
        fails=[DownloadsOff],
        deprecated=True,
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
]
