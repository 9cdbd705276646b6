"""Guests' photo lists and the bytes of photos."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from findme.accounts.admission import NotAdmitted
from findme.errors import DownloadsOff, GalleryIsPrivate
from findme.models import Cursor, PhotoId, Shelf, Size
from findme.services.guest_gallery import PhotoPage, Tab
from findme.web.guest import photo_lists
from findme.web.keys import GUEST_GALLERY, PICTURES, actor, user
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
from findme.web.responses import choice_of, limit_of, list_answer, pack_list, path_id
from findme.web.streaming import CACHE_CONTROL, send_image

#: The tabs that `?shelf=` names.
_TABS = {Shelf.SURE: Tab.MINE, Shelf.MAYBE: Tab.MAYBE, "favourites": Tab.FAVOURITES}


async def get_my_photos(request: web.Request) -> web.Response:
    """GET /api/my-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    tab = _TABS[choice_of(request, "shelf", _TABS, Shelf.SURE)]
    return await _list(request, tab, before, limit)


async def get_all_photos(request: web.Request) -> web.Response:
    """GET /api/all-photos."""
    before, limit = photo_lists.cursor_of(request), limit_of(request)
    return await _list(request, Tab.ALL, before, limit)


async def _list(request: web.Request, tab: Tab, before: Cursor | None, limit: int) -> web.Response:
    event, guest = await photo_lists.joined_event(request)

    def pack(page: PhotoPage) -> bytes:
        items = photo_lists.photos_of(page.photos, event)
        return pack_list(items, page.total, photo_lists.cursor_text(page.following))

    packed = await request.app[GUEST_GALLERY].packed_photos(
        event, guest, tab, pack, before=before, limit=limit, is_admin=actor(request).is_admin
    )
    return list_answer(request, packed)


async def get_photo(request: web.Request) -> web.StreamResponse:
    """GET /api/photo/{id}: bytes, streamed chunk by chunk, for those who may see the photo."""
    photo_id = PhotoId(path_id(request))
    size = Size(choice_of(request, "size", Size, Size.PREVIEW))
    caller, pictures = user(request), request.app[PICTURES]
    if actor(request).is_admin:
        picture = await pictures.find_for_admin(photo_id, size)
    else:
        picture = await pictures.find_for_guest(caller, photo_id, size)
    same = request.query.get("v", "") == picture.version
    return await send_image(
        request,
        picture.image,
        cache_control=CACHE_CONTROL if same else "private, no-cache",
        body=picture.body,
    )


_SHELVES = Annotated[str, Meta(extra_json_schema={"enum": [*_TABS]})]
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
        fails=[NotAdmitted],
        tag=Tag.PHOTOS,
        who=Who.USER,
    ),
    get(
        "/api/all-photos",
        get_all_photos,
        "All photos of an event that the caller joined",
        a_page(photo_lists.Photo),
        query=[EVENT],
        fails=[NotAdmitted, GalleryIsPrivate],
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
