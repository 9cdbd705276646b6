"""One photo at its own address, and the answers of guests whose browser runs no script."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from yarl import URL

from findme import db
from findme.accounts.guests import Guest
from findme.errors import GalleryIsPrivate, NotFound
from findme.gallery import guest_photos, photo_position
from findme.gallery.guest_photos import Listed
from findme.gallery.photo_position import Place
from findme.media import storage
from findme.models import Cursor, Event, Gallery, PhotoId, Shelf, Size
from findme.web.guest import favourites as hearts
from findme.web.guest import photo_lists, verdicts
from findme.web.guest.tabs import ALL, FAVOURITES, MAYBE, MINE, gallery_url, tabs_of
from findme.web.keys import POOL, user
from findme.web.rendering import redirect, render
from findme.web.responses import MAX_LIMIT, choice_of, path_id

Answer = Callable[[web.Request], Awaitable[web.Response]]


async def photo(request: web.Request) -> web.Response:
    """GET /gallery/{id}?event=&tab=: the photo with its neighbours of the tab."""
    photo_id = PhotoId(path_id(request))
    event, guest = await photo_lists.joined_event(request)
    tab = choice_of(request, "tab", tabs_of(event), MINE)
    async with db.acquire(request.app[POOL]) as conn:
        shown = await _find(request, conn, event, guest, photo_id)
        original = await storage.find_photo_image(conn, photo_id, Size.ORIGINAL)
        says = await photo_position.said_of(conn, guest.id, photo_id)
        place = await _place(request, conn, event, guest, shown, tab)
    here = request.rel_url.with_query(event=str(event.id), tab=tab)

    def address(other: PhotoId | None) -> str | None:
        return None if other is None else str(here.with_path(f"/gallery/{other}", keep_query=True))

    return render(
        request,
        "guest/photo.html",
        {
            "event": event,
            "photo": photo_lists.photo_of(shown, event),
            "when": shown.dated_at,
            "size_mb": 0 if original is None else original.size_bytes / 1e6,
            "says": says,
            "place": place,
            "newer": address(place.newer),
            "older": address(place.older),
            "back": f"{gallery_url(event, tab)}#photo-{photo_id}",
            "query": here.query_string,
        },
    )


async def _find(
    request: web.Request, conn: db.Connection, event: Event, guest: Guest, photo_id: PhotoId
) -> Listed:
    """Return the photo; NotFound if it is of another event, or not for this guest."""
    cursor = await guest_photos.find_cursor(conn, photo_id)
    if cursor is None:
        raise NotFound
    found = await guest_photos.list_everyones(
        conn,
        event.id,
        guest.id,
        before=Cursor(cursor.dated_at, PhotoId(photo_id + 1)),
        limit=1,
    )
    if not found or found[0].id != photo_id:
        raise NotFound
    if not await guest_photos.may_see(conn, photo_id, user(request).id):
        raise NotFound
    return found[0]


async def _place(
    request: web.Request,
    conn: db.Connection,
    event: Event,
    guest: Guest,
    shown: Listed,
    tab: str,
) -> Place:
    if tab == ALL:
        if event.gallery is Gallery.OWN:
            raise GalleryIsPrivate
        return await photo_position.place_among_all(conn, event.id, shown.cursor)
    if tab == FAVOURITES:
        marked = await guest_photos.list_favourites(conn, guest.id, before=None, limit=MAX_LIMIT)
        return photo_position.place_among(shown.cursor, [item.cursor for item in marked])
    shelf = Shelf.MAYBE if tab == MAYBE else Shelf.SURE
    mine = await guest_photos.list_mine(conn, guest.id, shelf, before=None, limit=MAX_LIMIT)
    return photo_position.place_among(shown.cursor, [item.cursor for item in mine])


async def toggle_favourite(request: web.Request) -> web.Response:
    """POST /gallery/{id}/favourite: the heart, on or off."""
    event, _ = await photo_lists.joined_event(request)
    tab, photo_id = choice_of(request, "tab", tabs_of(event), MINE), PhotoId(path_id(request))
    async with db.acquire(request.app[POOL]) as conn:
        guest = await photo_lists.guest_who_sees(request, conn, photo_id)
        shown = await _find(request, conn, event, guest, photo_id)
    await (hearts.delete_favourite if shown.favourite else hearts.put_favourite)(request)
    path = URL(f"/gallery/{photo_id}").with_query(event=str(event.id), tab=tab)
    return redirect(str(path))


def _form(answer: Answer, *, stays: bool) -> Answer:
    """Return the handler of a form: what the API does, then the page that it came from."""

    async def handle(request: web.Request) -> web.Response:
        event, _ = await photo_lists.joined_event(request)
        tab = choice_of(request, "tab", tabs_of(event), MINE)
        await answer(request)
        if stays or tab != MAYBE:
            path = f"/gallery/{path_id(request)}"
            return redirect(str(URL(path).with_query(event=str(event.id), tab=tab)))
        return redirect(gallery_url(event, MAYBE))

    return handle


ROUTES = [
    web.get("/gallery/{id:[0-9]+}", photo),
    web.post("/gallery/{id:[0-9]+}/favourite", toggle_favourite),
    web.post("/gallery/{id:[0-9]+}/me", _form(verdicts.post_me, stays=False)),
    web.post("/gallery/{id:[0-9]+}/not-me", _form(verdicts.post_not_me, stays=False)),
    web.post("/gallery/{id:[0-9]+}/undo", _form(verdicts.delete_not_me, stays=True)),
]
