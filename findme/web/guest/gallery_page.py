"""The gallery: the first page of a shelf with its tabs, the question, and the counts."""

import gzip
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from yarl import URL

from findme import db
from findme.accounts import selfies
from findme.accounts.guests import Guest
from findme.faces import references
from findme.gallery import download_size, guest_photos
from findme.media import renditions
from findme.models import Cursor, DownloadSize, Event, PhotoId, SelfieId, SelfieState, Shelf
from findme.web.guest import photo_lists
from findme.web.guest.tabs import ALL, EVERY_TAB, FAVOURITES, MAYBE, MINE, gallery_url, tabs_of
from findme.web.keys import POOL
from findme.web.rendering import language_of, redirect, render, zone_of
from findme.web.responses import choice_of, json_answer
from findme.web.tiles import WIDE, add_headings, hours_of, mini_of, ring_of, tile_of

#: Photos of one page: some twenty rows on a phone.
PAGE = 60
#: The first row on a wide screen: what is fetched before everything else.
FIRST_ROW = 5
#: Faces on the shelf that leads to the questions.
MINIS = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is on each shelf, and how far the search for this guest has come."""

    mine: int
    maybe: int
    all: int
    favourites: int
    #: Photos that are decided for this guest, of those that were received.
    searched: int
    total: int


async def gallery(request: web.Request) -> web.Response:
    """GET /gallery?event=&tab=&before=."""
    event, guest = await photo_lists.joined_event(request)
    tabs = tabs_of(event, consented=guest.consented)
    tab = choice_of(request, "tab", EVERY_TAB, tabs[0])
    if tab not in tabs:
        # an address from before: the consent was taken back, or the gallery closed to the others
        return redirect(gallery_url(event, tabs[0]))
    before = photo_lists.cursor_of(request)
    if tab == MAYBE:
        return await _question(request, event, guest, before)
    if tab == ALL:
        packed = await photo_lists.all_photos(request, event, guest, before=before, limit=PAGE)
        source = URL("/api/all-photos").with_query(event=str(event.id), limit=PAGE)
    elif tab == FAVOURITES:
        packed = await photo_lists.favourite_photos(
            request, event, guest, before=before, limit=PAGE
        )
        source = _shelf_source(event, FAVOURITES)
    else:
        packed = await photo_lists.my_photos(
            request, event, guest, Shelf.SURE, before=before, limit=PAGE
        )
        source = _shelf_source(event, Shelf.SURE)
    items, following = _unpack(packed)
    tiles = [tile_of(photo) for photo in items]
    add_headings(tiles, language_of(request), zone_of(request))
    counts = await _count(request, event, guest)
    minis = await _minis(request, event, guest) if tab == MINE and counts.maybe else []
    here = URL(gallery_url(event, tab))
    return render(
        request,
        "guest/gallery.html",
        {
            "event": event,
            "version": renditions.version_of(event),
            "tab": tab,
            "tabs": {name: gallery_url(event, name) for name in tabs},
            "counts": counts,
            "selfie": (guest.selfie_state or SelfieState.PENDING) if guest.consented else "none",
            "problem": guest.selfie_problem,
            "closed": event.closes_at is not None and event.closes_at <= datetime.now(UTC),
            "tiles": tiles,
            "hour": hours_of(language_of(request), zone_of(request)),
            "minis": minis if before is None else [],
            "avatar": await _accepted_selfie(request, guest),
            "weight": await _weight(request, event, guest) if tab == MINE else None,
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
    """Return the page that asks of one uncertain face; *before* passes over what was skipped."""
    packed = await photo_lists.my_photos(
        request, event, guest, Shelf.MAYBE, before=before, limit=PAGE
    )
    items, _ = _unpack(packed)
    counts = await _count(request, event, guest)
    source = _shelf_source(event, Shelf.MAYBE)
    here = URL(gallery_url(event, MAYBE))
    start, after = photo_lists.cursor_text(before), None
    if items:
        async with db.acquire(request.app[POOL]) as conn:
            first = await guest_photos.find_cursor(conn, PhotoId(int(items[0]["id"])))
        after = photo_lists.cursor_text(first)
    return render(
        request,
        "guest/maybe.html",
        {
            "event": event,
            "photo": tile_of(items[0]) if items else None,
            "ring": ring_of(items[0]) if items else None,
            "total": counts.maybe,
            "skipped": before is not None,
            "skip": str(here.update_query(before=after)) if after else None,
            "selfie_id": await _accepted_selfie(request, guest),
            "source": str(source.update_query(before=start) if start else source),
            "back": gallery_url(event, MINE),
        },
    )


async def _accepted_selfie(request: web.Request, guest: Guest) -> SelfieId | None:
    """Return the newest selfie that the guest is looked for with."""
    async with db.acquire(request.app[POOL]) as conn:
        mine = await selfies.list_of(conn, guest.id)
    accepted = (row["id"] for row in mine if row["state"] == SelfieState.ACCEPTED)
    return next(accepted, None)


async def _weight(request: web.Request, event: Event, guest: Guest) -> int | None:
    """Return the bytes of what the guest can take home; None if it is made on the way."""
    if event.download_size is not DownloadSize.ORIGINAL or event.watermark:
        return None
    async with db.acquire(request.app[POOL]) as conn:
        return await download_size.weigh(conn, guest.id)


async def _minis(request: web.Request, event: Event, guest: Guest) -> list[dict[str, Any]]:
    packed = await photo_lists.my_photos(
        request, event, guest, Shelf.MAYBE, before=None, limit=MINIS
    )
    return [mini_of(photo) for photo in _unpack(packed)[0]]


async def counts(request: web.Request) -> web.Response:
    """GET /gallery/counts?event=: what a page asks for where it cannot listen to the stream."""
    event, guest = await photo_lists.joined_event(request)
    now = await _count(request, event, guest)
    answer = json_answer({**asdict(now), "selfie": guest.selfie_state})
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


async def _count(request: web.Request, event: Event, guest: Guest) -> Counts:
    async with db.acquire(request.app[POOL]) as conn:
        searched, total = await references.count_decided(conn, event.id, guest.id)
        return Counts(
            mine=await guest_photos.count_mine(conn, guest.id, Shelf.SURE),
            maybe=await guest_photos.count_mine(conn, guest.id, Shelf.MAYBE),
            all=await guest_photos.count_visible(conn, event.id),
            favourites=await guest_photos.count_favourites(conn, guest.id),
            searched=searched,
            total=total,
        )


def _shelf_source(event: Event, shelf: str) -> URL:
    return URL("/api/my-photos").with_query(event=str(event.id), shelf=shelf, limit=PAGE)


def _unpack(packed: bytes) -> tuple[list[dict[str, Any]], str | None]:
    """Return the photos of a packed page, and where the next begins."""
    head, _, body = packed.partition(b"\n")
    following = orjson.loads(head)["following"]
    items: list[dict[str, Any]] = orjson.loads(gzip.decompress(body))
    return items, None if following is None else str(following)


ROUTES = [
    web.get("/gallery", gallery),
    web.get("/gallery/counts", counts),
]
