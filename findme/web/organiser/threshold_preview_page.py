"""The page on which an organiser previews and saves an event's thresholds."""

from typing import Any

from aiohttp import web
from yarl import URL

from findme.errors import InvalidRequest
from findme.faces.threshold_preview import Step
from findme.models import EventId, Thresholds
from findme.web.keys import EVENT_SETUP, SETTINGS, admin
from findme.web.organiser.threshold_preview import face_url, preview_of, similarity_of
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import path_id

#: The size of the drawing in SVG units, with room for figures on the left and below.
WIDTH, HEIGHT, LEFT, BELOW = 640, 220, 44, 26


async def page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/thresholds?sure=&maybe=&near=."""
    admin(request)
    found = await preview_of(request)
    settings = request.app[SETTINGS]
    event = found.event
    here = URL(request.path).with_query(
        sure=f"{found.thresholds.sure:g}", maybe=f"{found.thresholds.maybe:g}"
    )
    return render(
        request,
        "admin/thresholds.html",
        {
            "event": event,
            "tab": "thresholds",
            "thresholds": found.thresholds,
            "floor": found.floor,
            "tally": found.tally,
            "steps": found.steps,
            "curve": curve_of(found.steps, found.thresholds, found.floor),
            "near": found.near,
            "nears": {word: str(here.update_query(near=word)) for word in ("sure", "maybe")},
            "borders": [
                {
                    "name": border.name,
                    "user_id": border.user_id,
                    "photo_id": border.photo_id,
                    "similarity": border.similarity,
                    "face": face_url(border.face_id),
                    "beside": None if border.beside is None else face_url(border.beside),
                }
                for border in found.borders
            ],
            "has_own": event.match_threshold is not None or event.maybe_threshold is not None,
            "defaults": Thresholds(settings.face_match_threshold, settings.face_maybe_threshold),
            "saved": "saved" in request.query,
        },
    )


def curve_of(steps: list[Step], thresholds: Thresholds, floor: float) -> dict[str, Any]:
    """Return the points and ticks of the curve of pairs over similarity, from the floor to 100."""
    most = max((step.pairs for step in steps), default=0) or 1

    def x(similarity: float) -> float:
        share = (similarity - int(floor)) / (100 - int(floor))
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT), 1)

    def y(pairs: int) -> float:
        return round((HEIGHT - BELOW) * (1 - pairs / most) + 1, 1)

    points = [f"{x(step.similarity)},{y(step.pairs)}" for step in steps]
    # the curve ends at 100, after any last step
    line = [*points, f"{x(100)},{y(0)}"]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "base": HEIGHT - BELOW + 1,
        "line": " ".join(line),
        "area": " ".join([f"{x(floor)},{y(0)}", *line]),
        "most": most,
        "sure": x(thresholds.sure),
        "maybe": x(thresholds.maybe),
        "ticks": [(x(at), at) for at in range(int(floor), 101) if at % 5 == 0],
    }


async def save(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/thresholds: `save` these as the event's own, or `reset` them."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    members: dict[str, float | None] = {"match_threshold": None, "maybe_threshold": None}
    if form.get("act") == "save":
        members = {
            "match_threshold": similarity_of(str(form.get("sure", "")), "sure", float("nan")),
            "maybe_threshold": similarity_of(str(form.get("maybe", "")), "maybe", float("nan")),
        }
        if any(value != value for value in members.values()):
            raise InvalidRequest("Both thresholds are needed.", field="sure")
    elif form.get("act") != "reset":
        raise InvalidRequest("There is no such button.", field="act")
    await request.app[EVENT_SETUP].change(actor, event_id, members)
    return redirect(f"{request.path}?saved=1")


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/thresholds", page),
    web.post(r"/admin/events/{id:\d+}/thresholds", save),
]
