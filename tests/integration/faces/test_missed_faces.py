"""Faces that were seen and not kept, and a guest's several selfies."""

import io

import aiohttp
from PIL import Image, ImageFilter

from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.labelled_event import labelled_event, two_guests
from tests.support.pictures import labelled


def out_of_focus(name: str) -> bytes:
    """A picture on which somebody is seen, too blurred to be kept."""
    selfie = Image.open(labelled().selfies[name]).convert("RGB")
    small = selfie.resize((200, round(200 * selfie.height / selfie.width)))
    scene = Image.new("RGB", (900, 600), "#9a8f86")
    scene.paste(small.filter(ImageFilter.GaussianBlur(11)), (400, 100))
    out = io.BytesIO()
    scene.save(out, "JPEG", quality=92)
    return out.getvalue()


async def upload(builder: EventBuilder, name: str, jpeg: bytes) -> str:
    answer = await builder.app.client.post(
        f"/api/events/{builder.event['id']}/photos",
        params={"filename": name},
        data=io.BytesIO(jpeg),
        headers={**builder.app.admin, "Content-Type": "image/jpeg"},
    )
    photo_id: str = (await answer.json())["results"][0]["photo_id"]
    builder.filenames[photo_id] = name
    await builder.app.drain()
    return photo_id


async def missed(builder: EventBuilder, path: str) -> object:
    answer = await builder.app.client.get(
        f"/api/admin/events/{builder.event['id']}/{path}", headers=builder.app.admin
    )
    assert answer.status == 200
    return await answer.json()


async def test_a_face_that_was_not_kept_is_in_the_ledger_until_a_thorough_try_keeps_it(
    app: App,
) -> None:
    one, _, _ = two_guests()
    builder = await labelled_event(app, [], [])
    photo_id = await upload(builder, "far.jpg", out_of_focus(one))

    listed = await missed(builder, "missed-faces")
    summed = await missed(builder, "missed-faces/summary")
    assert isinstance(listed, list)
    assert isinstance(summed, dict)
    assert [photo_id] == [photo["photo_id"] for photo in listed]
    assert listed[0]["missed"][0]["reasons"]
    assert (summed["faces"], summed["photos"]) == (1, 1)

    answer = await app.client.post(f"/api/admin/photos/{photo_id}/retry", headers=app.admin)
    assert answer.status == 202
    await app.drain()

    assert await missed(builder, "missed-faces") == []
    kept = await app.resources.pool.fetchval("select count(*) from face")
    assert kept == 1


async def test_what_a_plain_try_no_longer_sees_leaves_the_engine(app: App) -> None:
    """Else no receipt of the event would ever be complete: the engine held more than is known."""
    one, _, _ = two_guests()
    builder = await labelled_event(app, [], [])
    photo_id = await upload(builder, "far.jpg", out_of_focus(one))

    async def held(*, thorough: bool) -> int:
        answer = await app.client.post(
            "/api/admin/photos/retry",
            json={"ids": [photo_id], "thorough": thorough},
            headers=app.admin,
        )
        assert answer.status == 202
        await app.drain()
        assert await app.resources.pool.fetchval("select count(*) from face") == thorough
        collection = await app.resources.pool.fetchval("select collection_id from event")
        return await app.resources.faces.face_count(collection)

    assert await held(thorough=True) == 1
    assert await held(thorough=False) == 0
    assert await held(thorough=True) == 1


async def test_a_second_selfie_stands_beside_the_first_and_five_are_the_most(app: App) -> None:
    one, two, files = two_guests()
    builder = await labelled_event(app, [one, two], files)
    before = await builder.guest_filenames(one)
    url = f"/api/me/events/{builder.event['id']}/selfies"

    async def add(name: str) -> aiohttp.ClientResponse:
        form = aiohttp.FormData()
        data = labelled().selfies[name].read_bytes()
        form.add_field("selfie", io.BytesIO(data), filename="s.jpg")
        return await app.client.post(url, data=form, headers=builder.headers(one))

    refused = await add(two)
    assert (refused.status, (await refused.json())["code"]) == (422, "not_alike")

    assert (await add(one)).status == 201
    await app.drain()
    assert before <= await builder.guest_filenames(one)

    listed = await (await app.client.get(url, headers=builder.headers(one))).json()
    assert len(listed) == 2
    answer = await app.client.delete(listed[0]["url"], headers=builder.headers(one))
    assert answer.status == 204
    await app.drain()
    assert before == await builder.guest_filenames(one)

    answer = await app.client.delete(listed[1]["url"], headers=builder.headers(one))
    assert answer.status == 409

    assert [(await add(one)).status for _ in range(5)] == [201, 201, 201, 201, 409]


async def test_nobody_sees_the_selfie_of_another(app: App) -> None:
    one, two, _ = two_guests()
    builder = await labelled_event(app, [one, two], [])
    url = f"/api/me/events/{builder.event['id']}/selfies"
    mine = (await (await app.client.get(url, headers=builder.headers(one))).json())[0]["url"]

    assert (await app.client.get(mine, headers=builder.headers(one))).status == 200
    assert (await app.client.get(mine, headers=builder.headers(two))).status == 404
