"""The people of an event as pages: the groups of faces, one group, the ungrouped faces.

A page calls the face engine for nothing and groups only guests. To sort bystanders by person is a
purpose of its own, and an organiser starts it with a button.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from yarl import URL

from findme import db
from findme.db import Connection
from findme.errors import InvalidRequest
from findme.faces import persons
from findme.gallery import events
from findme.models import Box, EventId, FaceId, PersonId, PhotoId
from findme.services.person_edits import find_group
from findme.web.keys import PERSON_EDITS, POOL, admin
from findme.web.organiser.contact_sheet_page import place_of
from findme.web.organiser.persons import MOST_NAME
from findme.web.rendering import redirect, render
from findme.web.request_bodies import form_of
from findme.web.responses import parse_id, path_id, split_page

#: Groups, and faces of one group, on a page.
PAGE = 48

Form = MultiDictProxy[Any]


async def groups_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/faces?before=: the largest groups first, hidden ones last."""
    admin(request)
    event_id = EventId(path_id(request))
    before = PersonId(parse_id(request.query["before"])) if "before" in request.query else None
    state = await request.app[PERSON_EDITS].group(event_id, search=False)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, event_id)
        found = await persons.list_by_event(
            conn, event_id, hidden=True, after=before, limit=PAGE + 1
        )
        total = await persons.count(conn, event_id, hidden=True)
        page, more = split_page(found, PAGE)
        shots = await _shots(
            conn, [(item.cover.id, item.cover.photo_id, item.cover.box) for item in page]
        )
    here = URL(request.path)
    return render(
        request,
        "admin/faces.html",
        {
            "event": event,
            "tab": "faces",
            "groups": list(zip(page, shots, strict=True)),
            "total": total,
            "ungrouped": state.ungrouped,
            "running": state.running,
            "is_first_page": before is None,
            "next_page": str(here.with_query(before=str(page[-1].id))) if more else None,
        },
    )


async def group_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/faces/{group_id}?before=: every face of a group on its photo."""
    admin(request)
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        group = await find_group(conn, event.id, PersonId(path_id(request, "group_id")))
        start = 0
        if "before" in request.query:
            last = parse_id(request.query["before"])
            start = next((n + 1 for n, face in enumerate(group.faces) if face.id == last), 0)
        faces, more = split_page(group.faces[start : start + PAGE + 1], PAGE)
        shots = await _shots(conn, [(face.id, face.photo_id, face.box) for face in faces])
    following = str(URL(request.path).with_query(before=str(faces[-1].id))) if more else None
    return render(
        request,
        "admin/group.html",
        {
            "event": event,
            "tab": "faces",
            "group": group,
            "shots": shots,
            "is_first_page": start == 0,
            "next_page": following,
        },
    )


async def ungrouped_page(request: web.Request) -> web.Response:
    """GET /admin/events/{id}/faces/loose?before=: the ungrouped faces."""
    admin(request)
    before = FaceId(parse_id(request.query["before"])) if "before" in request.query else None
    async with db.acquire(request.app[POOL]) as conn:
        event = await events.get(conn, EventId(path_id(request)))
        found = await persons.list_ungrouped(conn, event.id, before=before, limit=PAGE + 1)
        faces, more = split_page(found, PAGE)
        shots = await _shots(conn, [(face.id, face.photo_id, face.box) for face in faces])
    following = str(URL(request.path).with_query(before=str(faces[-1].id))) if more else None
    context = {"event": event, "tab": "faces", "shots": shots, "next_page": following}
    return render(request, "admin/loose.html", context)


async def _shots(
    conn: Connection, faces: Sequence[tuple[FaceId, PhotoId, Box]]
) -> list[dict[str, Any]]:
    """Return the values with which templates draw faces: the photo, and the box on it."""
    shapes = await persons.shapes(conn, [photo_id for _, photo_id, _ in faces])
    return [
        {
            "face_id": face_id,
            "photo_id": photo_id,
            "place": place_of(box),
            "ratio": round(shapes[photo_id][0], 4),
            "placeholder": shapes[photo_id][1],
            "ready": shapes[photo_id][2],
        }
        for face_id, photo_id, box in faces
    ]


# Buttons ------------------------------------------------------------------------------------


async def act_on_groups(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/faces: `sort` all faces by person, or `merge` the chosen groups."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    if form.get("act") == "sort":
        await request.app[PERSON_EDITS].group(event_id, search=True)
        return redirect(request.path)
    if form.get("act") != "merge":
        raise InvalidRequest("There is no such button.", field="act")
    chosen = [PersonId(number) for number in _numbers(form, "group_ids")]
    if len(chosen) < 2:
        raise InvalidRequest("A merge takes two groups or more.", field="group_ids")
    await request.app[PERSON_EDITS].merge(actor, event_id, chosen)
    return redirect(request.path)


async def act_on_group(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/faces/{group_id}: `name`, `hide`, `show`, or `split` chosen faces."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form, service = await form_of(request), request.app[PERSON_EDITS]
    group_id, word = PersonId(path_id(request, "group_id")), form.get("act")
    if word == "name":
        name = " ".join(str(form.get("name", "")).replace("\0", "").split())[:MOST_NAME]
        await service.change(actor, event_id, group_id, name=name)
    elif word in ("hide", "show"):
        await service.change(actor, event_id, group_id, hidden=word == "hide")
    elif word == "split":
        chosen = [FaceId(number) for number in _numbers(form, "face_ids")]
        made = await service.split(actor, event_id, group_id, chosen)
        return redirect(f"/admin/events/{event_id}/faces/{made.id}")
    else:
        raise InvalidRequest("There is no such button.", field="act")
    return redirect(request.path)


async def act_on_ungrouped(request: web.Request) -> web.Response:
    """POST /admin/events/{id}/faces/loose: makes a new group of the chosen faces."""
    actor, event_id = admin(request).id, EventId(path_id(request))
    form = await form_of(request)
    chosen = [FaceId(number) for number in _numbers(form, "face_ids")]
    made = await request.app[PERSON_EDITS].move(actor, event_id, chosen, None)
    return redirect(f"/admin/events/{event_id}/faces/{made.id}")


def _numbers(form: Form, name: str) -> Iterable[int]:
    """Return the ids of the ticked boxes; InvalidRequest if there is none."""
    values = list(dict.fromkeys(parse_id(str(value)) for value in form.getall(name, [])))
    if not values:
        raise InvalidRequest("Nothing is chosen.", field=name)
    return values


ROUTES = [
    web.get(r"/admin/events/{id:\d+}/faces", groups_page),
    web.post(r"/admin/events/{id:\d+}/faces", act_on_groups),
    web.get(r"/admin/events/{id:\d+}/faces/loose", ungrouped_page),
    web.post(r"/admin/events/{id:\d+}/faces/loose", act_on_ungrouped),
    web.get(r"/admin/events/{id:\d+}/faces/{group_id:\d+}", group_page),
    web.post(r"/admin/events/{id:\d+}/faces/{group_id:\d+}", act_on_group),
]
