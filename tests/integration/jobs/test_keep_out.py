"""Somebody who is no guest shows a selfie once, and photos of them wait for the organiser."""

import pytest
from aiohttp import ClientResponse

from findme.services import keeping_out
from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.helpers import page_of, problem, selfie_form
from tests.support.labelled_event import two_guests
from tests.support.pictures import drawn, labelled


async def ask(
    builder: EventBuilder, picture: bytes | None, *, path: str = "", **fields: str
) -> ClientResponse:
    where = path or f"/api/events/{builder.code}/keep-out"
    return await builder.call("POST", where, data=selfie_form(picture, **fields))


@pytest.mark.parametrize("faces", ["all", "guests_only"])
async def test_photos_of_somebody_who_is_no_guest_wait_until_the_organiser_has_looked(
    app: App, faces: str
) -> None:
    guest, stranger, _ = two_guests()
    photos = sorted(labelled().people.items(), key=lambda item: len(item[1]))
    of_guest = next(path.name for path, who in photos if guest in who and stranger not in who)
    of_stranger = next(path.name for path, who in photos if stranger in who and guest not in who)
    selfie = labelled().selfies[stranger].read_bytes()
    builder = await EventBuilder.create(app, faces=faces)
    await builder.join(guest)
    await builder.upload_labelled(of_guest, of_stranger)
    await app.drain()
    collection = await builder.pool.fetchval("select collection_id from event")
    held = await app.resources.faces.face_count(collection)
    everything = {builder.photo_id(name) for name in (of_guest, of_stranger)}
    reports_page = f"/admin/events/{builder.event_id}/reports"

    assert await problem(await ask(builder, selfie)) == (422, "consent_required")
    assert await problem(await ask(builder, drawn(1), consent="yes")) == (422, "no_face")
    answer = await ask(builder, selfie, consent="yes", path="/api/events/AAAAAAAA/keep-out")
    assert answer.status == 404
    answer = await ask(builder, selfie, consent="yes")
    assert (answer.status, await answer.json()) == (202, {"status": "received"})
    await app.drain()

    assert await builder.all_photos(guest) == {builder.photo_id(of_guest)}
    (report,) = await builder.pool.fetch("select reason, guest_id, settled_at from report")
    assert tuple(report) == ("keep_out", None, None)
    # nothing of the face is left: no vector, no picture
    assert await app.resources.faces.face_count(collection) == held
    assert await builder.count("keep_out") == 0
    # the asker is not told anything, and a guest's photos are not theirs to hide
    answer = await ask(builder, labelled().selfies[guest].read_bytes(), consent="yes")
    assert (answer.status, await answer.json()) == (202, {"status": "received"})
    await app.drain()
    assert await builder.all_photos(guest) == {builder.photo_id(of_guest)}

    assert "1 photo waits because somebody" in await page_of(
        app, reports_page, {**app.admin, "Accept-Language": "en"}
    )
    answer = await builder.call("POST", reports_page, app.admin, data={"act": "show_all"})
    assert answer.status == 303
    assert await builder.all_photos(guest) == everything
    assert await builder.pool.fetchval("select count(*) from report where settled_at is null") == 0

    # asked again, the organiser may decide the other way
    answer = await ask(builder, selfie, consent="yes", path=f"/e/{builder.code}/out")
    assert (answer.status, answer.headers["Location"]) == (303, f"/e/{builder.code}/out?done=1")
    await app.drain()
    report_id = await builder.pool.fetchval("select id from report where settled_at is null")
    data = {"act": "hide", "report_id": str(report_id)}
    assert (await builder.call("POST", reports_page, app.admin, data=data)).status == 303
    assert await builder.pool.fetchval("select count(*) from photo where review = 'hidden'") == 1


async def test_requests_are_limited_by_address_and_the_page_says_what_is_missing(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = await EventBuilder.create(app)
    path = f"/e/{builder.code}/out"
    assert "Please keep me out" in await page_of(app, path, {"Accept-Language": "en"})
    monkeypatch.setattr(keeping_out, "MAX_OF_ADDRESS", 1)

    answer = await ask(builder, None, path=path)
    assert answer.status == 422
    assert 'role="alert"' in await answer.text()
    assert await problem(await ask(builder, None)) == (429, "too_many_attempts")
