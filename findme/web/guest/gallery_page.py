"""The gallery: the first page of a tab with all tabs, the question, and the counts."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from yarl import URL

from findme.accounts.guests import Guest
from findme.gallery.guest_photos import ListedPhoto
from findme.media import renditions
from findme.models import Cursor, Event, SelfieState, Shelf
from findme.services.guest_gallery import Tab
from findme.web.guest.photo_lists import cursor_of, cursor_text, joined_event, photo_of
from findme.web.guest.tabs import ALL, FAVOURITES, MAYBE, MINE, gallery_url, tabs_of
from findme.web.keys import GUEST_GALLERY
from findme.web.rendering import language_of, redirect, render, zone_of
from findme.web.responses import choice_of, json_answer
from findme.web.tiles import WIDE, add_headings, hours_of, mini_of, ring_of, tile_of

#: Photos of one page: some twenty rows on a phone.
PAGE = 60
#: The first row on a wide screen: its pictures are fetched before everything else.
FIRST_ROW = 5


async def gallery(request: web.Request) -> web.Response:
    """GET /gallery?event=&tab=&before=."""
    event, guest = await joined_event(request)
    if guest.waits:
        return _waiting_page(request, event, guest)
    tabs = tabs_of(event, consented=guest.consented)
    tab = Tab(choice_of(request, "tab", Tab, tabs[0]))
    if tab not in tabs:
        # an old address: the consent was withdrawn, or the gallery is no longer everyone's
        return redirect(gallery_url(event, tabs[0]))
    before = cursor_of(request)
    if tab is MAYBE:
        return await _question(request, event, guest, before)
    view = await request.app[GUEST_GALLERY].view(event, guest, tab, before=before, limit=PAGE)
    tiles = [tile_of(_members(photo, event), photo.dated_at) for photo in view.page.photos]
    add_headings(tiles, language_of(request), zone_of(request))
    here, source = URL(gallery_url(event, tab)), _source(event, tab)
    following = cursor_text(view.page.following)
    return render(
        request,
        "guest/gallery.html",
        {
            "event": event,
            "version": renditions.version_of(event),
            "tab": tab,
            "tabs": {name: gallery_url(event, name) for name in tabs},
            "counts": view.summary,
            "selfie": (guest.selfie_state or SelfieState.PENDING) if guest.consented else "none",
            "problem": guest.selfie_problem,
            "closed": event.is_closed(datetime.now(UTC)),
            "tiles": tiles,
            "hour": hours_of(language_of(request), zone_of(request)),
            "minis": [mini_of(_members(photo, event)) for photo in view.maybe]
            if before is None
            else [],
            "avatar": view.selfie_id,
            "needs_selfie": view.needs_selfie,
            "weight": view.download_bytes,
            "first_row": FIRST_ROW,
            "wide": WIDE,
            "is_first_page": before is None,
            "source": str(source),
            "next_page": following and str(here.update_query(before=following)),
            "next_source": following and str(source.update_query(before=following)),
            "live": str(URL("/gallery/counts").with_query(event=str(event.id))),
        },
    )


async def _question(
    request: web.Request, event: Event, guest: Guest, before: Cursor | None
) -> web.Response:
    """Return the page that asks about one uncertain face; *before* is the last skipped photo."""
    view = await request.app[GUEST_GALLERY].view(event, guest, MAYBE, before=before, limit=PAGE)
    first = view.page.photos[0] if view.page.photos else None
    photo = None if first is None else _members(first, event)
    source, here = _source(event, MAYBE), URL(gallery_url(event, MAYBE))
    start = cursor_text(before)
    after = None if first is None else cursor_text(first.cursor)
    return render(
        request,
        "guest/maybe.html",
        {
            "event": event,
            "photo": None if first is None or photo is None else tile_of(photo, first.dated_at),
            "ring": None if photo is None else ring_of(photo),
            "total": view.summary.maybe,
            "skipped": before is not None,
            "skip": str(here.update_query(before=after)) if after else None,
            "selfie_id": view.selfie_id,
            "source": str(source.update_query(before=start) if start else source),
            "back": gallery_url(event, MINE),
        },
    )


async def counts(request: web.Request) -> web.Response:
    """GET /gallery/counts?event=: polled by a page that cannot listen to the stream."""
    event, guest = await joined_event(request)
    if guest.waits:
        return _private(json_answer({"waits": True, "selfie": guest.selfie_state}))
    now = await request.app[GUEST_GALLERY].summarise(event, guest)
    return _private(json_answer({**asdict(now), "selfie": guest.selfie_state}))


def _private(answer: web.Response) -> web.Response:
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _waiting_page(request: web.Request, event: Event, guest: Guest) -> web.Response:
    """Return the page of a guest whom the organiser has not admitted yet."""
    return render(
        request,
        "guest/waiting.html",
        {
            "event": event,
            "selfie": (guest.selfie_state or SelfieState.PENDING) if guest.consented else "none",
            "problem": guest.selfie_problem,
            "live": str(URL("/gallery/counts").with_query(event=str(event.id))),
        },
    )


def _members(photo: ListedPhoto, event: Event) -> dict[str, Any]:
    """Return a photo's members as the API has them, for templates."""
    members: dict[str, Any] = msgspec.to_builtins(photo_of(photo, event))
    return members


def _source(event: Event, tab: Tab) -> URL:
    """Return the address of the API's list for a tab."""
    if tab is ALL:
        return URL("/api/all-photos").with_query(event=str(event.id), limit=PAGE)
    shelf = {MINE: Shelf.SURE, MAYBE: Shelf.MAYBE, FAVOURITES: FAVOURITES}[tab]
    return URL("/api/my-photos").with_query(event=str(event.id), shelf=str(shelf), limit=PAGE)


ROUTES = [
    web.get("/gallery", gallery),
    web.get("/gallery/counts", counts),
]
