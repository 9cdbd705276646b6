"""An event that keeps guests' faces only: no vector of a stranger, and still everybody is found."""

from functools import partial

from findme import db
from findme.audit import vectors
from findme.faces import box_matching
from findme.models import EventId
from findme.recognition.aws_session import make_session
from findme.recognition.types import QualityFilter
from tests.conftest import App, Engine
from tests.support.event_builder import EventBuilder
from tests.support.labelled_event import two_guests
from tests.support.pictures import labelled


def photos_of(one: str, two: str) -> tuple[str, str]:
    """Return a photo with the first and without the second, and the reverse."""
    people = labelled().people

    def first(wanted: str, other: str) -> str:
        fewest = sorted(people.items(), key=lambda item: len(item[1]))
        return next(path.name for path, who in fewest if wanted in who and other not in who)

    return first(one, two), first(two, one)


async def collection_of(builder: EventBuilder) -> str:
    name: str = await builder.pool.fetchval(
        "select collection_id from event where id = $1", int(builder.event_id)
    )
    return name


async def held(builder: EventBuilder) -> int:
    """Return how many vectors the engine has of the event."""
    return await builder.app.resources.faces.face_count(await collection_of(builder))


async def wrong_vectors(builder: EventBuilder, engine: Engine) -> set[str]:
    """Return what an audit finds in this event's collection."""
    collection = await collection_of(builder)
    async with (
        make_session().create_client(
            "rekognition",
            endpoint_url=engine.url,
            region_name=engine.region,
            aws_access_key_id=engine.access_key_id,
            aws_secret_access_key=engine.secret_access_key,
        ) as client,
        db.acquire(builder.pool) as conn,
    ):
        ask = partial(vectors.held_by_client, client)
        found = await vectors.compare(conn, ask, seconds=0.0)
    # the engine of the test run holds other tests' collections, too
    return {each.kind for each in found if collection in each.where}


async def progress(builder: EventBuilder, person: str) -> tuple[int, int]:
    counts = await builder.get_json("/gallery/counts", builder.headers(person))
    return counts["searched"], counts["total"]


async def test_guests_are_found_before_and_after_the_photos_and_no_stranger_is_kept(
    app: App, engine: Engine
) -> None:
    one, two, _ = two_guests()
    of_one, of_two = photos_of(one, two)
    builder = await EventBuilder.create(app, faces="guests_only")
    await builder.join(one)
    await builder.upload_labelled(of_one, of_two)

    await app.drain()

    assert await builder.guest_filenames(one) == {of_one}
    assert await held(builder) == 1

    # a guest who joins later is compared with the pictures of the stored places
    await builder.join(two)
    assert await progress(builder, one) == (2, 2)
    assert await progress(builder, two) == (0, 2)
    await app.queue.run_due()
    async with db.acquire(builder.pool) as conn:
        (comparing,) = await box_matching.list_progress(conn)
    assert (str(comparing.id), comparing.done, comparing.total) == (builder.event_id, 0, 2)
    await app.drain()

    assert await progress(builder, two) == (2, 2)
    assert await builder.guest_filenames(two) == {of_two}
    assert await held(builder) == 2
    assert await wrong_vectors(builder, engine) == set()

    # nothing that was compared is compared again
    calls = app.resources.faces.meter.calls["SearchFacesByImage"]
    await builder.sweep()
    assert app.resources.faces.meter.calls["SearchFacesByImage"] == calls

    # and an audit knows that no photo has a vector here
    path = next(path for path in labelled().people if path.name == of_two)
    await app.resources.faces.index_faces(
        await collection_of(builder), path.read_bytes(), "p:0", quality=QualityFilter.AUTO
    )
    assert await wrong_vectors(builder, engine) == {"vector of nobody"}


async def test_a_word_settles_a_photo_and_a_new_selfie_and_a_re_index_keep_it(app: App) -> None:
    one, two, _ = two_guests()
    of_one, of_two = photos_of(one, two)
    builder = await EventBuilder.create(app, faces="guests_only")
    await builder.join(one)
    await builder.upload_labelled(of_one, of_two)
    await app.drain()
    face_ids = await builder.pool.fetch("select id from face order by id")

    await builder.send_verdict(one, of_one, "me")
    await builder.send_verdict(one, of_two, "me")

    # no reference comes of it: the engine has nothing to search from
    assert await builder.guest_filenames(one) == {of_one, of_two}
    assert await builder.count("reference") == 1
    assert await held(builder) == 1

    # the selfie of somebody else replaces the first once it is compared with every face
    answer = await builder.put_selfie(one, labelled().selfies[two].read_bytes())
    assert answer.status == 200, await answer.text()
    assert await builder.count("reference") == 2
    await app.drain()
    assert await builder.count("reference") == 1
    assert await held(builder) == 1
    await builder.send_verdict(one, of_one, "me", method="DELETE")
    assert await builder.guest_filenames(one) == {of_two}

    answer = await builder.call("POST", f"/api/admin/events/{builder.event_id}/reindex", app.admin)
    assert answer.status == 202
    await app.drain()
    assert await builder.pool.fetch("select id from face order by id") == face_ids
    assert await builder.guest_filenames(one) == {of_two}
    assert await held(builder) == 1

    # "forget me" proves that nothing is left
    answer = await builder.call("DELETE", "/api/me", builder.headers(one))
    assert answer.status == 204
    await app.drain()
    assert await held(builder) == 0
    receipt = await builder.call("GET", answer.headers["Location"])
    assert await builder.pool.fetchval("select checked_at is not null from receipt"), receipt.status


async def test_strangers_can_be_given_up_later_and_never_the_other_way(
    app: App, engine: Engine
) -> None:
    one, two, _ = two_guests()
    of_one, of_two = photos_of(one, two)
    builder = await EventBuilder.create(app)
    path = f"/api/admin/events/{builder.event_id}"
    for word in ("guests_only", "all"):
        # as long as there are no photos
        answer = await builder.call("PATCH", path, app.admin, json={"faces": word})
        assert (answer.status, (await answer.json())["faces"]) == (200, word)
    await builder.join(one)
    await builder.upload_labelled(of_one, of_two)
    await app.drain()
    found = await builder.guest_filenames(one)
    assert of_one in found
    assert await held(builder) > 1

    answer = await builder.call("PATCH", path, app.admin, json={"faces": "guests_only"})
    assert answer.status == 200
    await app.drain()

    kept = await builder.pool.fetchval(
        "select count(distinct engine_face_id) from reference where event_id = $1",
        EventId(int(builder.event_id)),
    )
    assert await held(builder) == kept
    assert await wrong_vectors(builder, engine) == set()
    assert await builder.guest_filenames(one) == found
    await builder.join(two)
    await app.drain()
    assert await builder.guest_filenames(two) == {of_two}

    answer = await builder.call("PATCH", path, app.admin, json={"faces": "all"})
    assert (answer.status, (await answer.json())["code"]) == (409, "faces_decided")
    answer = await builder.call("GET", f"{path}/group-faces", app.admin)
    assert (answer.status, (await answer.json())["code"]) == (409, "guests_only")
    # guests are there without a search
    answer = await builder.call("GET", f"{path}/group-faces?search=0", app.admin)
    assert {group["guest"]["name"] for group in await answer.json()} == {
        f"Person {one}",
        f"Person {two}",
    }
