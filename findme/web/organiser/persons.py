"""The people of an event as JSON: the groups of faces, and the edits of an organiser."""

from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from findme import db
from findme.errors import Conflict, InvalidRequest, NotFound
from findme.faces import persons
from findme.faces.persons import Person
from findme.indexing.person_grouping import GroupingImpossible
from findme.models import EventId, FaceId, PersonId
from findme.services.person_edits import find_group
from findme.web.keys import PERSON_EDITS, POOL, admin
from findme.web.openapi.route import (
    PAGE,
    Answer,
    Header,
    Query,
    Tag,
    Who,
    created,
    get,
    ok,
    patch,
    post,
)
from findme.web.responses import (
    choice_of,
    json_answer,
    json_of,
    page_answer,
    page_of,
    parse_id,
    path_id,
    split_page,
    text_of,
)
from findme.web.shapes import Box, Id, Path, box_of

#: Ids in one request: more than an event has of either.
MOST_IDS = 100_000
#: Characters of a name.
MOST_NAME = 200


class GroupGuest(Struct, frozen=True):
    """The guest whom a group shows."""

    id: Id
    name: str


class CoverFace(Struct, frozen=True):
    """The face that stands for a group."""

    face_id: Id
    photo_id: Id
    box: Box
    thumb_url: Path
    preview_url: Path


class GroupPhoto(Struct, frozen=True):
    """A photo of a group, with the face on it."""

    id: Id
    face_id: Id
    face_box: Box
    fixed: Annotated[bool, Meta(description="An admin put the face here.")]


class Group(Struct, frozen=True):
    """The faces of one person."""

    group_id: Id
    guest: GroupGuest | None
    name: Annotated[str | None, Meta(description="The name that an admin gave it.")]
    hidden: bool
    size: Annotated[int, Meta(description="Faces.")]
    cover_face: CoverFace
    photos: list[GroupPhoto]


class GroupChanges(Struct, forbid_unknown_fields=True):
    """The members of a group to change."""

    name: Annotated[
        str | UnsetType | None, Meta(description="Up to 200 characters; null: none.")
    ] = UNSET
    hidden: bool | UnsetType = UNSET


class Groups(Struct):
    """Groups of an event."""

    group_ids: list[Id]


class FacesOfGroup(Struct):
    """Faces of an event."""

    face_ids: list[Id]


class Move(Struct):
    """Faces, and the group that they belong to."""

    face_ids: list[Id]
    group_id: Annotated[str | None, Meta(description="null: a new group.")]


async def get_groups(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/group-faces: the largest groups first.

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
    grouped = await request.app[PERSON_EDITS].group(event_id, search=search and after is None)
    async with db.acquire(request.app[POOL]) as conn:
        found = await persons.list_by_event(
            conn, event_id, hidden=hidden, after=after, limit=limit + 1
        )
        total = await persons.count(conn, event_id, hidden=hidden)
    page, more = split_page(found, limit)
    items = map(group_of, page)
    response = await page_answer(request, items, total, page[-1].id if more else None)
    response.headers["X-Grouping"] = "running" if grouped.running else "done"
    response.headers["X-Ungrouped-Faces"] = str(grouped.ungrouped)
    return response


def group_of(person: Person) -> Group:
    """Return a group of faces as admins see it."""
    cover, guest = person.cover, None
    if person.user_id is not None:
        guest = GroupGuest(str(person.user_id), person.guest_name or "")
    return Group(
        group_id=str(person.id),
        guest=guest,
        name=person.name,
        hidden=person.hidden,
        size=len(person.faces),
        cover_face=CoverFace(
            face_id=str(cover.id),
            photo_id=str(cover.photo_id),
            box=box_of(cover.box),
            thumb_url=f"/api/photo/{cover.photo_id}?size=thumb",
            preview_url=f"/api/photo/{cover.photo_id}?size=preview",
        ),
        photos=[
            GroupPhoto(str(face.photo_id), str(face.id), box_of(face.box), face.fixed)
            for face in person.faces
        ],
    )


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
    person = await request.app[PERSON_EDITS].change(
        actor, event_id, person_id, name=name if "name" in body else None, hidden=hidden
    )
    return json_answer(group_of(person))


async def post_merge(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/merge {group_ids}: all into the first."""
    actor = admin(request).id
    event_id = EventId(path_id(request))
    ids = _ids(await json_of(request), "group_ids")
    if len(ids) < 2:
        raise InvalidRequest("A merge takes two groups or more.", field="group_ids")
    person_ids = [PersonId(number) for number in ids]
    return json_answer(group_of(await request.app[PERSON_EDITS].merge(actor, event_id, person_ids)))


async def post_split(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/{group_id}/split {face_ids}: the new group."""
    actor = admin(request).id
    event_id, person_id = EventId(path_id(request)), PersonId(path_id(request, "group_id"))
    face_ids = [FaceId(number) for number in _ids(await json_of(request), "face_ids")]
    if not face_ids:
        raise InvalidRequest("A split takes one face or more.", field="face_ids")
    person = await request.app[PERSON_EDITS].split(actor, event_id, person_id, face_ids)
    return json_answer(group_of(person), 201)


async def get_group(request: web.Request) -> web.Response:
    """GET /api/admin/events/{id}/group-faces/{group_id}."""
    admin(request)
    event_id, person_id = EventId(path_id(request)), PersonId(path_id(request, "group_id"))
    async with db.acquire(request.app[POOL]) as conn:
        return json_answer(group_of(await find_group(conn, event_id, person_id)))


async def post_move(request: web.Request) -> web.Response:
    """POST /api/admin/events/{id}/group-faces/move {face_ids, group_id}; null: a new group.

    It undoes a merge or a split, and puts an ungrouped face into a group.
    """
    actor = admin(request).id
    event_id, body = EventId(path_id(request)), await json_of(request)
    face_ids = [FaceId(number) for number in _ids(body, "face_ids")]
    wanted = text_of(body, "group_id", required=False)
    group_id = PersonId(parse_id(wanted)) if wanted else None
    person = await request.app[PERSON_EDITS].move(actor, event_id, face_ids, group_id)
    return json_answer(group_of(person))


def _name(body: dict[str, Any]) -> str:
    """Return the name in a body, which is empty to take a name away."""
    name = " ".join(text_of(body, "name", required=False).split())
    if len(name) > MOST_NAME:
        raise InvalidRequest("A name has up to 200 characters.", field="name")
    return name


def _ids(body: dict[str, Any], name: str) -> list[int]:
    """Return the ids of a member, each once, in their order; NotFound for text that is no id."""
    values = body.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{name} is a list of ids.", field=name)
    if len(values) > MOST_IDS:
        raise InvalidRequest(f"{name} is too long.", field=name)
    return list(dict.fromkeys(parse_id(value) for value in values))


_GROUPS = Answer(
    200,
    "Most faces first.",
    list[Group],
    headers=[
        *PAGE,
        Header("X-Grouping", "running or done."),
        Header("X-Ungrouped-Faces", "How many faces are left.", int),
    ],
)
_SWITCH = Literal["0", "1"]

ROUTES = [
    get(
        "/api/admin/events/{id}/group-faces",
        get_groups,
        "The faces grouped by person, the most frequent first",
        _GROUPS,
        fails=[NotFound, GroupingImpossible],
        query=[
            Query("search", "0 asks the face engine nothing.", _SWITCH, "1"),
            Query("hidden", "1 adds hidden groups at the end.", _SWITCH, "0"),
        ],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    get(
        "/api/admin/events/{id}/group-faces/{group_id}",
        get_group,
        "A group",
        ok(Group, "The group."),
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/group-faces/move",
        post_move,
        "Give faces to a group, or to a new one",
        ok(Group, "The group."),
        takes=Move,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    patch(
        "/api/admin/events/{id}/group-faces/{group_id}",
        patch_group,
        "Name or hide a group",
        ok(Group, "The group."),
        takes=GroupChanges,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/group-faces/merge",
        post_merge,
        "Make one group of several: the first",
        ok(Group, "The group."),
        takes=Groups,
        fails=[Conflict],
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
    post(
        "/api/admin/events/{id}/group-faces/{group_id}/split",
        post_split,
        "Make a new group of some faces of one",
        created(Group, "The new group."),
        takes=FacesOfGroup,
        tag=Tag.EVENTS,
        who=Who.ADMIN,
    ),
]
