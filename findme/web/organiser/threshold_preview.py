"""The rehearsal of an event's thresholds as JSON, and the faces that are compared for it."""

from dataclasses import asdict, dataclass

from aiohttp import web

from findme import db
from findme.errors import InvalidRequest
from findme.faces import threshold_preview
from findme.faces.threshold_preview import Border, Step, Tally
from findme.gallery import events
from findme.gallery.guest_photos import Thresholds
from findme.models import Event, EventId, FaceId
from findme.web.keys import PICTURES, POOL, SETTINGS, admin
from findme.web.responses import choice_of, json_answer, path_id

#: Pairs near a threshold that are shown.
BORDERS = 12
#: A face stays where it is until its event is indexed anew.
CACHE_CONTROL = "private, max-age=3600"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an event would be at two thresholds."""

    event: Event
    thresholds: Thresholds
    #: What matches are stored from: nothing is known below it.
    floor: float
    steps: list[Step]
    tally: Tally
    #: `sure` or `maybe`: which threshold the borders are near.
    near: str
    borders: list[Border]


async def rehearse(request: web.Request) -> Rehearsal:
    """Return the rehearsal at `?sure=&maybe=`, by default what the event has now."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        now = Thresholds.of(event, request.app[SETTINGS])
        floor = min(request.app[SETTINGS].search_floor, now.maybe)
        tried = Thresholds(
            sure=similarity_of(request.query.get("sure"), "sure", now.sure),
            maybe=similarity_of(request.query.get("maybe"), "maybe", now.maybe),
        )
        near = choice_of(request, "near", ("sure", "maybe"), "sure")
        steps, tally = await threshold_preview.count(
            conn, event.id, sure=tried.sure, maybe=tried.maybe, floor=floor
        )
        borders = await threshold_preview.list_borders(
            conn,
            event.id,
            at=tried.sure if near == "sure" else tried.maybe,
            sure=tried.sure,
            limit=BORDERS,
        )
    return Rehearsal(event, tried, floor, steps, tally, near, list(borders))


def similarity_of(text: str | None, name: str, default: float) -> float:
    """Return a similarity that was typed, a comma for the point forgiven; 0 to 100."""
    if text is None or not text.strip():
        return default
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name) from error
    if not 0 <= value <= 100:  # NaN too is not
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name)
    return value


async def get_rehearsal(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/rehearsal?sure=&maybe=&near=."""
    admin(request)
    found = await rehearse(request)
    return json_answer(
        {
            "sure": found.thresholds.sure,
            "maybe": found.thresholds.maybe,
            "floor": found.floor,
            "own": {
                "match_threshold": found.event.match_threshold,
                "maybe_threshold": found.event.maybe_threshold,
            },
            "tally": asdict(found.tally),
            "steps": [asdict(step) for step in found.steps],
            "near": found.near,
            "borders": [_border_json(border) for border in found.borders],
        }
    )


def _border_json(border: Border) -> dict[str, object]:
    return {
        "user_id": str(border.user_id),
        "name": border.name,
        "photo_id": str(border.photo_id),
        "similarity": round(border.similarity, 2),
        "face_url": face_url(border.face_id),
        "beside_url": None if border.beside is None else face_url(border.beside),
    }


def face_url(face_id: FaceId) -> str:
    """Return where a face is shown alone."""
    return f"/api/admin/faces/{face_id}.jpg"


async def get_face(request: web.Request) -> web.Response:
    """GET /api/admin/faces/{id}.jpg: a face cut out of its photo."""
    admin(request)
    square = await request.app[PICTURES].cut_out_face(FaceId(path_id(request)))
    return web.Response(
        body=square, content_type="image/jpeg", headers={"Cache-Control": CACHE_CONTROL}
    )


ROUTES = [
    web.get("/api/admin/events/{id}/rehearsal", get_rehearsal),
    web.get("/api/admin/faces/{id}.jpg", get_face),
]
