"""The contact sheet as JSON: an event's photos by state, the details of one, several at once."""

from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.errors import InvalidRequest, NotFound
from findme.gallery import contact_sheet, events, exports, photos
from findme.gallery.contact_sheet import PhotoDetails, View
from findme.models import Event, EventId, PhotoId
from findme.web.keys import PHOTO_REVIEW, POOL, admin
from findme.web.openapi.route import (
    ZIP,
    Query,
    Tag,
    Who,
    a_page,
    accepted,
    get,
    ok,
    post,
    some_bytes,
)
from findme.web.organiser.contact_sheet_answer import (
    ClosePhoto,
    SheetPhoto,
    close_photo,
    sheet_photo,
)
from findme.web.responses import (
    MAX_LIMIT,
    choice_of,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
)
from findme.web.shapes import Id
from findme.web.streaming import send_archive


class ViewCounts(Struct, frozen=True):
    """How many photos each view has."""

    all: int
    waiting: int
    shown: int
    hidden: int
    failed: int
    working: int
    missed: int


class Photos(Struct):
    """Up to 1000 photos."""

    ids: list[Id]


class PhotosAgain(Struct):
    """Up to 1000 photos, and how to index them again."""

    ids: list[Id]
    thorough: Annotated[bool, Meta(description="Every face, however bad.")] = False


class Deleted(Struct, frozen=True):
    """Which photos were deleted."""

    deleted: Annotated[list[Id], Meta(description="Those that were there.")]


class QueuedPhotos(Struct, frozen=True):
    """Which photos are indexed again."""

    queued: Annotated[list[Id], Meta(description="Those that no job was busy with.")]


async def get_sheet(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/contact-sheet?view=: photos with their state, newest first."""
    admin(request)
    before, limit = page_of(request)
    view = View(choice_of(request, "view", View, View.ALL))
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await contact_sheet.list_view(
            conn,
            event.id,
            view,
            before=None if before is None else PhotoId(before),
            limit=limit + 1,
        )
        counts = await contact_sheet.count_views(conn, event.id)
    rows, more = split_page(found, limit)
    items = [sheet_photo(row) for row in rows]
    return await page_answer(request, items, counts[view], rows[-1]["id"] if more else None)


async def get_counts(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/contact-sheet/counts: how many photos each view has."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        counts = await contact_sheet.count_views(conn, event.id)
    return json_answer(ViewCounts(**counts))


async def get_photo(request: web.Request) -> web.Response:
    """GET /api/admin/photos/{id}: its faces, whom it shows, what was missed, its jobs."""
    admin(request)
    _, found = await find_details(request, PhotoId(path_id(request)))
    return json_answer(close_photo(found))


async def find_details(request: web.Request, photo_id: PhotoId) -> tuple[Event, PhotoDetails]:
    """Return a photo's details and its event."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, (await photos.get(conn, photo_id)).event_id)
        return event, await contact_sheet.read_details(conn, photo_id)


# Several at once ----------------------------------------------------------------------------


async def post_delete(request: web.Request) -> web.Response:
    """POST /api/admin/photos/delete {ids}: photos that are gone already are left out."""
    actor = admin(request).id
    photo_ids = photo_ids_of(await json_of(request))
    deleted = await request.app[PHOTO_REVIEW].delete(actor, photo_ids)
    return json_answer({"deleted": [str(photo_id) for photo_id in deleted]})


async def post_retry(request: web.Request) -> web.Response:
    """POST /api/admin/photos/retry {ids, thorough?}: indexes photos again, except those in work."""
    actor = admin(request).id
    body = await json_of(request)
    thorough = body.get("thorough", False)
    if not isinstance(thorough, bool):
        raise InvalidRequest("thorough is true or false.", field="thorough")
    queued = await request.app[PHOTO_REVIEW].retry(actor, photo_ids_of(body), thorough=thorough)
    return json_answer({"queued": [str(photo_id) for photo_id in queued]}, 202)


async def get_zip(request: web.Request) -> web.StreamResponse:
    """GET /api/admin/events/{id}/contact-sheet.zip?ids=1,2: the originals of chosen photos."""
    admin(request)
    chosen = [PhotoId(parse_id(item)) for item in request.query.get("ids", "").split(",")]
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        kept = await contact_sheet.only_of(conn, event.id, chosen)
        originals = await exports.list_originals(conn, kept)
    if not originals:
        raise NotFound("There is no photo to download.")
    entries = exports.archive_entries(request.app[POOL], originals)
    return await send_archive(request, f"{event.name}.zip", entries, len(originals))


def photo_ids_of(body: dict[str, Any]) -> list[PhotoId]:
    """Return the member `ids`: 1 to 1000 ids, each once."""
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(value, str) for value in ids):
        raise InvalidRequest("ids is a list of ids.", field="ids")
    if not 1 <= len(ids) <= MAX_LIMIT:
        raise InvalidRequest(f"ids are 1 to {MAX_LIMIT} ids.", field="ids")
    return [PhotoId(number) for number in dict.fromkeys(parse_id(value) for value in ids)]


ROUTES = [
    get(
        "/api/admin/events/{id}/contact-sheet",
        get_sheet,
        "The photos of an event by state",
        a_page(SheetPhoto),
        query=[Query("view", "Which photos.", View, View.ALL)],
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/contact-sheet/counts",
        get_counts,
        "How many photos each view has",
        ok(ViewCounts, "By view."),
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/contact-sheet.zip",
        get_zip,
        "The originals of chosen photos, as a ZIP",
        some_bytes("The archive.", ZIP),
        query=[Query("ids", "Ids with commas between.")],
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/photos/{id}",
        get_photo,
        "A photo with its faces, its guests, what was missed, and its jobs",
        ok(ClosePhoto, "The photo."),
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/photos/delete",
        post_delete,
        "Delete up to 1000 photos with their faces and matches",
        ok(Deleted, "Done."),
        takes=Photos,
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/photos/retry",
        post_retry,
        "Index up to 1000 photos again; thorough: every face, however bad",
        accepted(QueuedPhotos, "Queued."),
        takes=PhotosAgain,
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
]
