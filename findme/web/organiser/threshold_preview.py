"""The preview of an event's thresholds as JSON, and the faces that are compared for it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.errors import InvalidRequest
from findme.faces import threshold_preview
from findme.faces.threshold_preview import Border, Step, Tally
from findme.gallery import events
from findme.models import Event, EventId, FaceId, Thresholds
from findme.web.keys import PICTURES, POOL, SETTINGS, admin
from findme.web.openapi.route import JPEG, Query, Tag, Who, get, ok, some_bytes
from findme.web.responses import choice_of, json_answer, path_id
from findme.web.shapes import Id, Path, Similarity

#: Pairs near a threshold that are shown.
BORDERS = 12
#: A face keeps its box until its event is indexed again.
CACHE_CONTROL = "private, max-age=3600"


@dataclass(frozen=True, slots=True)
class Preview:
    """The photos that an event's guests would see at two thresholds."""

    event: Event
    thresholds: Thresholds
    #: The similarity from which matches are stored.
    floor: float
    steps: list[Step]
    tally: Tally
    #: `sure` or `maybe`: which threshold the borders are near.
    near: str
    borders: list[Border]


class OwnThresholds(Struct, frozen=True):
    """The event's own thresholds; null: the setting's."""

    match_threshold: Similarity | None
    maybe_threshold: Similarity | None


class BorderPair(Struct, frozen=True):
    """A guest and a photo near a threshold."""

    user_id: Id
    name: str
    photo_id: Id
    similarity: Similarity
    face_url: Path
    beside_url: Annotated[
        Path | None, Meta(description="A face that surely is the guest's, for comparison.")
    ]


class RehearsalAnswer(Struct, frozen=True):
    """The photos that guests would see at two thresholds."""

    sure: Similarity
    maybe: Similarity
    floor: Annotated[float, Meta(description="Matches are stored from here on.")]
    own: OwnThresholds
    tally: Tally
    steps: list[Step]
    near: Annotated[str, Meta(extra_json_schema={"enum": ["sure", "maybe"]})]
    borders: list[BorderPair]


async def preview_of(request: web.Request) -> Preview:
    """Return the preview at `?sure=&maybe=`, by default the event's present thresholds."""
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        now = event.thresholds
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
    return Preview(event, tried, floor, steps, tally, near, list(borders))


def similarity_of(text: str | None, name: str, default: float) -> float:
    """Return a similarity that somebody typed, with a point or a comma; 0 to 100."""
    if text is None or not text.strip():
        return default
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name) from error
    if not 0 <= value <= 100:  # false for NaN, too
        raise InvalidRequest(f"{name} is a number from 0 to 100.", field=name)
    return value


async def get_preview(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/rehearsal?sure=&maybe=&near=."""
    admin(request)
    found = await preview_of(request)
    return json_answer(
        RehearsalAnswer(
            sure=found.thresholds.sure,
            maybe=found.thresholds.maybe,
            floor=found.floor,
            own=OwnThresholds(found.event.match_threshold, found.event.maybe_threshold),
            tally=found.tally,
            steps=found.steps,
            near=found.near,
            borders=[_border(border) for border in found.borders],
        )
    )


def _border(border: Border) -> BorderPair:
    return BorderPair(
        user_id=str(border.user_id),
        name=border.name,
        photo_id=str(border.photo_id),
        similarity=round(border.similarity, 2),
        face_url=face_url(border.face_id),
        beside_url=None if border.beside is None else face_url(border.beside),
    )


def face_url(face_id: FaceId) -> str:
    """Return the address of a face that is cut out of its photo."""
    return f"/api/admin/faces/{face_id}.jpg"


async def get_face(request: web.Request) -> web.Response:
    """GET /api/admin/faces/{id}.jpg: a face cut out of its photo."""
    admin(request)
    square = await request.app[PICTURES].cut_out_face(FaceId(path_id(request)))
    return web.Response(
        body=square, content_type="image/jpeg", headers={"Cache-Control": CACHE_CONTROL}
    )


ROUTES = [
    get(
        "/api/admin/events/{id}/rehearsal",
        get_preview,
        "What guests would see at other thresholds, and the pairs nearest to one",
        ok(RehearsalAnswer, "The preview."),
        query=[
            Query("sure", "The event's own if left out.", Similarity),
            Query("maybe", "The event's own if left out.", Similarity),
            Query("near", "Which threshold the pairs are near.", Literal["sure", "maybe"], "sure"),
        ],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/faces/{id}.jpg",
        get_face,
        "A face cut out of its photo",
        some_bytes("A square picture.", JPEG),
        tag=Tag.PHOTOS,
        who=Who.ADMIN,
    ),
]
