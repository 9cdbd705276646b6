"""Inside one event: each guest, each photo and selfie of others, each action; then look again."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.models import EventId, Gallery
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.rights import FOUND, MEMBERS, OWNER, VIEWERS, who_may
from tests.support.scripted_engine import Scripted

#: Two guests who are on photos, one who is on none, and one on a photo who waits to be admitted.
ADA, BEN, CY, DEE = 1, 2, 3, 4
GUESTS = (ADA, BEN, CY, DEE)
PEOPLE = ((ADA,), (BEN,), (ADA, BEN), (DEE,))
STATES = ("shown", "hidden", "waiting", "deleted")


@dataclass(frozen=True)
class Call:
    """An action on a photo, and the statuses of the answer if the guest may open it."""

    route: str
    done: tuple[int, ...]
    body: Mapping[str, object] | None = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] | None = None


READS = (
    *(
        Call(f"GET /api/{name}/{{id}}", (200,), query={"size": size})
        for name in ("photo", "image")
        for size in ("thumb", "preview", "original")
    ),
    *(Call("GET /gallery/{id}", (200,), query={"tab": tab}) for tab in ("mine", "maybe")),
    Call("GET /gallery/{id}/report", (200,)),
)
#: Each is undone by a later one, so that in the end everything is as it was.
WRITES = (
    Call("PUT /api/photos/{id}/favourite", (204,)),
    Call("DELETE /api/photos/{id}/favourite", (204,)),
    Call("POST /gallery/{id}/favourite", (200, 303), form={}),
    Call("DELETE /api/photos/{id}/favourite", (204,)),
    Call("POST /api/photos/{id}/report", (201, 204), body={"reason": "other", "note": "-"}),
    Call("POST /gallery/{id}/report", (200, 303), form={"reason": "other"}),
    Call("POST /api/photos/{id}/not-me", (204,)),
    Call("DELETE /api/photos/{id}/not-me", (204,)),
    Call("POST /gallery/{id}/not-me", (200, 303), form={}),
    Call("POST /gallery/{id}/undo", (200, 303), form={"says": "not_me"}),
    # in a gallery of `own`, a face that resembles none of the guest's is refused
    Call("POST /api/photos/{id}/me", (204, 422), body={}),
    Call("POST /api/photos/{id}/me", (204, 422), body={"face_id": "first"}),
    Call("POST /api/photos/{id}/me", (204, 422), body={"face_id": "last"}),
    Call("DELETE /api/photos/{id}/me", (204,)),
    Call("POST /gallery/{id}/me", (200, 303, 422), form={}),
    Call("DELETE /api/photos/{id}/me", (204,)),
)


@dataclass(frozen=True)
class Photo:
    """A photo of the matrix, and a face on it or on another one."""

    id: str
    people: tuple[int, ...]
    state: str
    faces: tuple[str, ...]

    def opens(self, guest: int, gallery: Gallery) -> bool:
        """Whether a guest may open it, by the rules."""
        mine = gallery is Gallery.EVERYONE or guest in self.people
        return self.state == "shown" and mine and guest != DEE


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event with the guests."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        for guest in GUESTS:
            await opened.set_columns(admission="approval" if guest == DEE else "open")
            await opened.join(guest)
        yield opened


async def fill(builder: EventBuilder, gallery: Gallery) -> list[Photo]:
    """Upload a photo of each kind and put it into each state."""
    kinds = [(people, state) for people in PEOPLE for state in STATES]
    for people, _ in kinds:
        await builder.upload(*people)
    await builder.app.drain()
    photos = []
    for photo_id, (people, state) in zip(builder.photos, kinds, strict=True):
        faces = await builder.pool.fetch(
            "select id from face where photo_id = $1 order by id", int(photo_id)
        )
        photos.append(Photo(photo_id, people, state, tuple(str(row["id"]) for row in faces)))
        if state == "deleted":
            path = f"/api/admin/photos/{photo_id}"
            assert (await builder.call("DELETE", path, builder.app.admin)).status == 204
        else:
            await builder.pool.execute(
                "update photo set review = $2 where id = $1", int(photo_id), state
            )
    await builder.set_columns(gallery=gallery)
    await builder.app.resources.cache.forget_event(EventId(int(builder.event_id)))
    return photos


async def act(builder: EventBuilder, guest: int, call: Call, photo: Photo) -> int:
    """Make a call as a guest; return the status."""
    method, _, path = call.route.partition(" ")
    options: dict[str, Any] = {"params": {"event": builder.event_id, **(call.query or {})}}
    if call.body is not None:
        options["json"] = dict(call.body)
        if named := {"first": photo.faces[0], "last": photo.faces[-1]}.get(
            str(call.body.get("face_id"))
        ):
            options["json"]["face_id"] = named
    if call.form is not None:
        options["data"] = dict(call.form)
    answer = await builder.call(
        method, path.replace("{id}", photo.id), builder.headers(guest), **options
    )
    return answer.status


async def everything(builder: EventBuilder, gallery: Gallery) -> dict[str, Any]:
    """Return all that the guests see."""
    await builder.app.drain()
    seen: dict[str, Any] = {}
    for guest in GUESTS:
        for shelf in ("sure", "maybe", "favourites") if guest != DEE else ():
            seen[f"{guest} {shelf}"] = await builder.guest_photos(guest, shelf)
        selfies = await builder.get_json(
            f"/api/me/events/{builder.event_id}/selfies", builder.headers(guest)
        )
        seen[f"{guest} selfies"] = [selfie["id"] for selfie in selfies]
        if gallery is Gallery.EVERYONE and guest != DEE:
            seen[f"{guest} all"] = await builder.all_photos(guest)
    return seen


@pytest.mark.parametrize("gallery", Gallery)
async def test_no_action_opens_or_changes_what_is_not_the_guests(
    builder: EventBuilder, gallery: Gallery
) -> None:
    photos = await fill(builder, gallery)
    before = await everything(builder, gallery)
    for guest in GUESTS[:-1]:
        own = {photo.id for photo in photos if guest in photo.people and photo.state == "shown"}
        assert before[f"{guest} sure"] == own

    wrong: list[tuple[object, ...]] = []
    for guest in GUESTS:
        for photo in photos:
            opens = photo.opens(guest, gallery)
            for call in READS + WRITES:
                status = await act(builder, guest, call, photo)
                if status not in (call.done if opens else (404,)):
                    wrong.append((guest, photo, call.route, call.body, status))
            for other in photos:
                mine = other.opens(guest, gallery)
                status = await act(builder, guest, READS[0], other)
                if status != (200 if mine else 404):
                    wrong.append((guest, other, "after", photo, status))
        after = await everything(builder, gallery)
        if after != before:
            wrong.append((guest, {key: after[key] for key in after if after[key] != before[key]}))
    assert wrong == []


@pytest.mark.parametrize("gallery", Gallery)
async def test_a_word_on_anothers_face_opens_no_other_photo(
    builder: EventBuilder, gallery: Gallery
) -> None:
    photos = await fill(builder, gallery)
    before = await everything(builder, gallery)
    undo = Call("DELETE /api/photos/{id}/me", (204,))
    for guest in GUESTS:
        for photo in [photo for photo in photos if photo.state == "shown"]:
            for face_id in photo.faces:
                await builder.call(
                    "POST",
                    f"/api/photos/{photo.id}/me",
                    builder.headers(guest),
                    json={"face_id": face_id},
                )
                after = await everything(builder, gallery)
                for key, shown in after.items():
                    mine = key == f"{guest} sure" and photo.opens(guest, gallery)
                    assert set(shown) - set(before[key]) <= ({photo.id} if mine else set()), key
                await act(builder, guest, undo, photo)


async def test_the_selfies_of_others_are_nobody_elses(builder: EventBuilder) -> None:
    await fill(builder, Gallery.EVERYONE)
    before = await everything(builder, Gallery.EVERYONE)
    for guest in GUESTS:
        for other in GUESTS:
            for selfie_id in before[f"{other} selfies"]:
                path = f"/api/me/events/{builder.event_id}/selfies/{selfie_id}"
                answer = await builder.call("GET", path, builder.headers(guest))
                assert answer.status == (200 if guest == other else 404)
                if guest != other:
                    answer = await builder.call("DELETE", path, builder.headers(guest))
                    assert answer.status == 404
    assert await everything(builder, Gallery.EVERYONE) == before


def test_the_matrix_knows_every_action_on_a_photo() -> None:
    """Whoever adds a route on photos for guests adds it here as well."""
    routes = {
        route
        for route, callers in who_may().items()
        if callers in (MEMBERS, FOUND, OWNER, VIEWERS)
        and "{id}" in route
        and "/events/" not in route
    }
    assert {call.route for call in READS + WRITES} == routes
