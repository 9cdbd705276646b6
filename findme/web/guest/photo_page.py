"""One photo at its own address, and the forms of guests whose browser runs no script."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from yarl import URL

from findme.models import Event, PhotoId
from findme.services.guest_gallery import Tab
from findme.web.guest import favourites, verdicts
from findme.web.guest.photo_lists import joined_event, photo_of
from findme.web.guest.tabs import MAYBE, MINE, gallery_url, tabs_of
from findme.web.keys import GUEST_GALLERY
from findme.web.rendering import redirect, render
from findme.web.responses import choice_of, path_id

Answer = Callable[[web.Request], Awaitable[web.Response]]


async def photo(request: web.Request) -> web.Response:
    """GET /gallery/{id}?event=&tab=: the photo with its neighbours of the tab."""
    photo_id = PhotoId(path_id(request))
    event, guest = await joined_event(request)
    tab = _tab_of(request, event)
    view = await request.app[GUEST_GALLERY].find_photo(event, guest, photo_id, tab)
    here = request.rel_url.with_query(event=str(event.id), tab=str(tab))

    def address(other: PhotoId | None) -> str | None:
        return None if other is None else str(here.with_path(f"/gallery/{other}", keep_query=True))

    return render(
        request,
        "guest/photo.html",
        {
            "event": event,
            "photo": photo_of(view.photo, event),
            "when": view.photo.dated_at,
            "size_mb": view.original_bytes / 1e6,
            "says": view.says,
            "place": view.place,
            "newer": address(view.place.newer),
            "older": address(view.place.older),
            "back": f"{gallery_url(event, tab)}#photo-{photo_id}",
            "query": here.query_string,
        },
    )


async def toggle_favourite(request: web.Request) -> web.Response:
    """POST /gallery/{id}/favourite: the heart, on or off."""
    event, guest = await joined_event(request)
    tab, photo_id = _tab_of(request, event), PhotoId(path_id(request))
    marked = await request.app[GUEST_GALLERY].is_favourite(event, guest, photo_id)
    await (favourites.delete_favourite if marked else favourites.put_favourite)(request)
    return redirect(_photo_url(event, tab, photo_id))


def _form(answer: Answer, *, stays: bool) -> Answer:
    """Return the handler of a form: it does what the API does, and shows the page again."""

    async def handle(request: web.Request) -> web.Response:
        event, _ = await joined_event(request)
        tab = _tab_of(request, event)
        await answer(request)
        if stays or tab is not MAYBE:
            return redirect(_photo_url(event, tab, PhotoId(path_id(request))))
        return redirect(gallery_url(event, MAYBE))

    return handle


def _tab_of(request: web.Request, event: Event) -> Tab:
    return Tab(choice_of(request, "tab", tabs_of(event), MINE))


def _photo_url(event: Event, tab: Tab, photo_id: PhotoId) -> str:
    return str(URL(f"/gallery/{photo_id}").with_query(event=str(event.id), tab=str(tab)))


ROUTES = [
    web.get("/gallery/{id:[0-9]+}", photo),
    web.post("/gallery/{id:[0-9]+}/favourite", toggle_favourite),
    web.post("/gallery/{id:[0-9]+}/me", _form(verdicts.post_me, stays=False)),
    web.post("/gallery/{id:[0-9]+}/not-me", _form(verdicts.post_not_me, stays=False)),
    web.post("/gallery/{id:[0-9]+}/undo", _form(verdicts.delete_not_me, stays=True)),
]
