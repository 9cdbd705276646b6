"""An event's people for admins: the faces grouped by person, and what admins put right."""

from typing import Any

from aiohttp import web

from findme import db
from findme.db import Connection, Record
from findme.errors import InvalidRequest, NotFound
from findme.faces import persons
from findme.faces.persons import Person, PersonFace
from findme.models import Box, EventId, FaceId, PersonId
from findme.web.keys import GROUPING, POOL, QUEUE, admin
from findme.web.organiser import person_edits
from findme.web.responses import (
    choice_of,
    cut,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    text_of,
)

#: Ids in one request: more than an event has of either.
MOST_IDS = 100_000
#: Characters of a name.
MOST_NAME = 200


async def get_groups(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/group-faces: who is on most faces first.

    `?search=0` makes no call to the engine, `?hidden=1` adds the hidden groups at the end. The
    header X-Grouping is `running` while a job goes on, X-Ungrouped-Faces how many faces are left.
    """
    admin(request)
    event_id = EventId(path_id(request))
    search = choice_of(request, "search", "01", "1") == "1"
    hidden = choice_of(request, "hidden", "01", "0") == "1"
    before, limit = page_of(request)
    after = None if before is None else PersonId(before)
    # further pages show what the first one found
    grouped = await request.app[GROUPING].group(event_id, search=search and after is None)
    async with db.acquire(request.app[POOL]) as conn:
        found = await persons.list_by_event(
            conn, event_id, hidden=hidden, after=after, limit=limit + 1
        )
        total = await persons.count(conn, event_id, hidden=hidden)
    if grouped.running:
        request.app[QUEUE].wake()
    page, more = cut(found, limit)
    items = map(group_json, page)
    response = await page_answer(request, items, total, page[-1].id if more else None)
    response.headers["X-Grouping"] = "running" if grouped.running else "done"
    response.headers["X-Ungrouped-Faces"] = str(grouped.loose)
    return response


def group_json(person: Person) -> dict[str, object]:
    """Return a group of faces as admins see it."""
    guest = None
    if person.user_id is not None:
        guest = {"id": str(person.user_id), "name": person.guest_name}
    return {
        "group_id": str(person.id),
        "guest": guest,
        "name": person.name,
        "hidden": person.hidden,
        "size": len(person.faces),
        "cover_face": {
            "face_id": str(person.cover.id),
            "photo_id": str(person.cover.photo_id),
            "box": box_json(person.cover.box),
            "thumb_url": f"/api/photo/{person.cover.photo_id}?size=thumb",
            "preview_url": f"/api/photo/{person.cover.photo_id}?size=preview",
        },
        "photos": [_photo_json(face) for face in person.faces],
    }


def _photo_json(face: PersonFace) -> dict[str, object]:
    return {
        "id": str(face.photo_id),
        "face_id": str(face.id),
        "face_box": box_json(face.box),
        "fixed": face.fixed,
    }


def box_of(row: Record) -> Box:
    """Return the box of a row of box_left, box_top, box_width and box_height."""
    return Box(row["box_left"], row["box_top"], row["box_width"], row["box_height"])


def box_json(box: Box) -> dict[str, float]:
    """Return where a face is, to a ten-thousandth of the picture."""
    return {
        "left": round(box.left, 4),
        "top": round(box.top, 4),
        "width": round(box.width, 4),
        "height": round(box.height, 4),
    }


async def patch_group(request: web.Request) -> web.Response:
    """PATCH /api/admin/events/{id}/group-faces/{group_id}: name (null: none) and hidden."""
    actor = admin(request).id
    event_id, person_id = EventId(path_id(request)), PersonId(path_id(request, "group_id"))
    body = await json_of(request)
    if unknown := sorted(set(body) - {"name", "hidden"}):
        raise InvalidRequest(f"A group has no {unknown[0]} to change.", field=unknown[0])
    name, hidden = _name(body), body.get("hidden")
    if "hidden" in body and not isinstance(hidden, bool):
        raise InvalidRequest("hidden is true or false.", field="hidden")
    async with db.transaction(request.app[POOL]) as conn:
        if "name" in body:
            await person_edits.rename(conn, actor, event_id, person_id, name)
        if isinstance(hidden, bool):
            await person_edits.hide(conn, actor, event_id, person_id, hidden)
        return json_answer(group_json(await find_group(conn, event_id, person_id)))


async def post_merge(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/merge {group_ids}: all into the first."""
    actor = admin(request).id
    event_id = EventId(path_id(request))
    ids = _ids(await json_of(request), "group_ids")
    if len(ids) < 2:
        raise InvalidRequest("A merge takes two groups or more.", field="group_ids")
    person_ids = [PersonId(number) for number in ids]
    async with db.transaction(request.app[POOL]) as conn:
        await person_edits.merge(conn, actor, event_id, person_ids)
        return json_answer(group_json(await find_group(conn, event_id, person_ids[0])))


async def post_split(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/{group_id}/split {face_ids}: the new group."""
    actor = admin(request).id
    event_id, person_id = EventId(path_id(request)), PersonId(path_id(request, "group_id"))
    face_ids = [FaceId(number) for number in _ids(await json_of(request), "face_ids")]
    if not face_ids:
        raise InvalidRequest("A split takes one face or more.", field="face_ids")
    async with db.transaction(request.app[POOL]) as conn:
        made = await person_edits.split(conn, actor, event_id, person_id, face_ids)
        return json_answer(group_json(await find_group(conn, event_id, made)), 201)


async def get_group(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/group-faces/{group_id}."""
    admin(request)
    event_id, person_id = EventId(path_id(request)), PersonId(path_id(request, "group_id"))
    async with db.acquire(request.app[POOL]) as conn:
        return json_answer(group_json(await find_group(conn, event_id, person_id)))


async def post_move(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/move {face_ids, group_id}; null: a new group.

    It takes what a merge or a split did back, and gives a face to a group that none has.
    """
    actor = admin(request).id
    event_id, body = EventId(path_id(request)), await json_of(request)
    face_ids = [FaceId(number) for number in _ids(body, "face_ids")]
    wanted = text_of(body, "group_id", required=False)
    async with db.transaction(request.app[POOL]) as conn:
        group_id = PersonId(parse_id(wanted)) if wanted else None
        moved = await person_edits.move(conn, actor, event_id, face_ids, group_id)
        return json_answer(group_json(await find_group(conn, event_id, moved)))


async def find_group(conn: Connection, event_id: EventId, person_id: PersonId) -> Person:
    """Return a group; NotFound where the event has none of that id, or it has no face."""
    found = await persons.read(conn, event_id, [person_id])
    if not found:
        raise NotFound
    return found[0]


def _name(body: dict[str, Any]) -> str | None:
    name = " ".join(text_of(body, "name", required=False).split())
    if len(name) > MOST_NAME:
        raise InvalidRequest("A name has up to 200 characters.", field="name")
    return name or None


def _ids(body: dict[str, Any], name: str) -> list[int]:
    """Return a member's ids, each once, in their order; NotFound for what cannot be one."""
    values = body.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{name} is a list of ids.", field=name)
    if len(values) > MOST_IDS:
        raise InvalidRequest(f"{name} is too long.", field=name)
    return list(dict.fromkeys(parse_id(value) for value in values))


ROUTES = [
    web.get("/api/admin/events/{id}/group-faces", get_groups),
    web.get("/api/admin/events/{id}/group-faces/{group_id}", get_group),
    web.post("/api/admin/events/{id}/group-faces/move", post_move),
    web.patch("/api/admin/events/{id}/group-faces/{group_id}", patch_group),
    web.post("/api/admin/events/{id}/group-faces/merge", post_merge),
    web.post("/api/admin/events/{id}/group-faces/{group_id}/split", post_split),
]
