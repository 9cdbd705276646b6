"""The gallery: the first page of a shelf with its tabs, and the counts that keep it live."""

import gzip
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from yarl import URL

from findme import db, shelves
from findme.guests import Guest
from findme.models import Event, Gallery, PhotoId, SelfieState, Shelf
from findme.web import lists
from findme.web.answers import choice_of, json_answer, parse_id
from findme.web.html import render
from findme.web.keys import POOL

#: Photos of one page: some twenty rows on a phone.
PAGE = 60
#: The first row on a wide screen: what is fetched before everything else.
FIRST_ROW = 5
#: The narrowest and the widest tile, width by height; grid.js keeps to the same.
RATIOS = (0.56, 2.4)
#: Above it a thumbnail (400 px) is too small for a row of 250 px: wide screens get the preview.
WIDE = 1.8
MINE, MAYBE, ALL = "mine", "maybe", "all"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is on each shelf, and how far the search for this guest has come."""

    mine: int
    maybe: int
    all: int
    #: Photos that are decided for this guest, of those that were received.
    searched: int
    total: int


async def gallery(request: web.Request) -> web.Response:
    """GET /gallery?event=&tab=&before=."""
    event, guest = await lists.joined_event(request)
    tabs = [MINE, MAYBE] if event.gallery is Gallery.OWN else [MINE, MAYBE, ALL]
    tab = choice_of(request, "tab", tabs, MINE)
    before = PhotoId(parse_id(request.query["before"])) if "before" in request.query else None
    if tab == ALL:
        packed = await lists.all_photos(request, event, guest, before=before, limit=PAGE)
        source = URL("/api/all-photos").with_query(event=str(event.id), limit=PAGE)
    else:
        shelf = Shelf.MAYBE if tab == MAYBE else Shelf.SURE
        packed = await lists.my_photos(request, event, guest, shelf, before=before, limit=PAGE)
        source = URL("/api/my-photos").with_query(event=str(event.id), shelf=shelf, limit=PAGE)
    items, following = _unpack(packed)
    here = URL("/gallery").with_query(event=str(event.id))
    counts = await _count(request, event, guest)
    return render(
        request,
        "guest/gallery.html",
        {
            "event": event,
            "tab": tab,
            "tabs": {name: str(here.update_query(tab=name)) for name in tabs},
            "counts": counts,
            "selfie": guest.selfie_state or SelfieState.PENDING,
            "problem": guest.selfie_problem,
            "tiles": [_tile(photo) for photo in items],
            "first_row": FIRST_ROW,
            "wide": WIDE,
            "is_first_page": before is None,
            "source": str(source),
            "next_page": following and str(here.update_query(tab=tab, before=following)),
            "next_source": following and str(source.update_query(before=following)),
            "live": str(URL("/gallery/counts").with_query(event=str(event.id))),
        },
    )


async def counts(request: web.Request) -> web.Response:
    """GET /gallery/counts?event=: what the open page asks for every few seconds."""
    event, guest = await lists.joined_event(request)
    now = await _count(request, event, guest)
    answer = json_answer(
        {
            "mine": now.mine,
            "maybe": now.maybe,
            "all": now.all,
            "searched": now.searched,
            "total": now.total,
            "selfie": guest.selfie_state,
        }
    )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


async def _count(request: web.Request, event: Event, guest: Guest) -> Counts:
    thresholds = lists.thresholds_of(request, event)
    async with db.acquire(request.app[POOL]) as conn:
        searched, total = await _progress(conn, event, guest)
        return Counts(
            mine=await shelves.count_mine(conn, guest.id, thresholds, Shelf.SURE),
            maybe=await shelves.count_mine(conn, guest.id, thresholds, Shelf.MAYBE),
            all=await shelves.count_visible(conn, event.id),
            searched=searched,
            total=total,
        )


async def _progress(conn: db.Connection, event: Event, guest: Guest) -> tuple[int, int]:
    """Return how many photos are decided for the guest, and how many the event has.

    A photo is decided when it is indexed (or cannot be) and no face of it forms an open pair with
    the reference of their newest selfie (see matching). Without a reference nothing is decided.
    """
    row = await conn.fetchrow(
        """
        with mine as (select number, covered_upto from reference
                       where guest_id = $2 and selfie_id is not null
                       order by number desc limit 1),
             undecided as (select count(distinct face.photo_id) as photos from face, mine
                            where face.event_id = $1 and face.number > mine.covered_upto
                              and face.covered_upto < mine.number)
        select count(*) as total,
               case when exists (select from mine)
                    then count(*) filter (where state in ('indexed', 'failed'))
                         - (select photos from undecided)
                    else 0 end as searched
          from photo where event_id = $1""",
        event.id,
        guest.id,
    )
    assert row is not None
    return max(0, row["searched"]), row["total"]


def _tile(photo: dict[str, Any]) -> dict[str, Any]:
    """Return a photo with what its tile needs: time, ratio, and where the face is on the tile.

    Very wide and very high pictures are cut to RATIOS in the middle; the face moves along.
    """
    real = photo["width"] / photo["height"]
    ratio = min(max(real, RATIOS[0]), RATIOS[1])
    # the shares of the picture's width and height that the tile shows
    across, down = min(1.0, ratio / real), min(1.0, real / ratio)
    box = photo["face_box"]
    face = box and {
        "left": (box["left"] - (1 - across) / 2) / across,
        "top": (box["top"] - (1 - down) / 2) / down,
        "width": box["width"] / across,
        "height": box["height"] / down,
    }
    when = datetime.fromisoformat(photo["taken_at"] or photo["uploaded_at"])
    return {**photo, "when": when, "ratio": round(ratio, 3), "face": face}


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
