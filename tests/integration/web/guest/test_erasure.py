"""Taking back a consent, erasing one's face, leaving: what goes, what stays, and the receipt."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from findme.accounts import guests
from findme.errors import ConsentRequired
from findme.settings import Settings
from tests.support.helpers import bearer, problem
from tests.support.scripted_engine import picture
from tests.support.scripted_event import PAGE, ScriptedEvent, open_scripted_event
from tests.support.scripted_guests import until

OF_A_FACE = ("selfie", "reference", "match", "verdict")


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """Person 1 has said of one photo that it shows them, and marked another."""
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        first, second, _ = opened.photos
        me = opened.headers(1)
        assert (await opened.call("POST", f"/api/photos/{first}/me", me, json={})).status == 204
        assert (await opened.call("PUT", f"/api/photos/{second}/favourite", me)).status == 204
        await opened.app.drain()
        yield opened


async def receipt_of(builder: ScriptedEvent, answer: ClientResponse) -> str:
    """Return the text of the receipt that an answer leads to."""
    assert answer.status == 204, await answer.text()
    page = await builder.call("GET", answer.headers["Location"], PAGE)
    assert page.status == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await page.text()))


async def rows_of(builder: ScriptedEvent, person: int) -> dict[str, int]:
    """Return how much the tables hold of a person's face."""
    return {
        table: await builder.pool.fetchval(
            f"""
            select count(*) from {table} join guest on guest.id = guest_id
                   join account on account.id = account_id
             where account.email = $1""",
            f"{person}@example.org",
        )
        for table in OF_A_FACE
    }


NOTHING = dict.fromkeys(OF_A_FACE, 0)


async def test_a_withdrawn_consent_leaves_no_vector(builder: ScriptedEvent) -> None:
    """Where the gallery may be browsed the guest stays, with what they marked."""
    await builder.set_columns(browse=True)
    assert len(builder.vectors_of_guests()) == 2
    path = f"/api/me/events/{builder.event_id}/consent"
    shown = await receipt_of(builder, await builder.call("DELETE", path, builder.headers(1)))

    assert "Selfies 1 " in shown
    assert "Faceprints 1 " in shown
    assert "Your answers 1 " in shown
    assert "Of 1 event; your account stays" in shown
    assert "We looked everywhere again: nothing is left." in shown
    assert len(builder.vectors_of_guests()) == 1
    assert await rows_of(builder, 1) == NOTHING
    assert await builder.count("person where guest_id is not null") == 0
    assert await builder.get_json("/api/my-photos", builder.headers(1)) == []
    assert len(await builder.get_json("/api/all-photos", builder.headers(1))) == 3
    assert await builder.count("favourite") == 1
    row = await builder.pool.fetchrow("select * from guest where consent_withdrawn_at is not null")
    assert row is not None
    # what was agreed to until then stays, as proof
    assert row["consent_at"] < row["consent_withdrawn_at"]

    await builder.upload(1)
    await builder.app.drain()
    assert await rows_of(builder, 1) == NOTHING


async def test_nobody_else_is_touched(builder: ScriptedEvent) -> None:
    await builder.set_columns(browse=True)
    before = await rows_of(builder, 2)
    assert before["match"] > 0
    path = f"/api/me/events/{builder.event_id}/consent"
    await receipt_of(builder, await builder.call("DELETE", path, builder.headers(1)))
    assert await rows_of(builder, 2) == before


async def test_where_nobody_browses_the_part_in_the_event_ends(builder: ScriptedEvent) -> None:
    path = f"/api/me/events/{builder.event_id}/consent"
    await receipt_of(builder, await builder.call("DELETE", path, builder.headers(1)))
    assert await builder.count("guest") == 1
    me = await (await builder.call("GET", "/api/me", builder.headers(1))).json()
    assert me["events"] == []
    photo = f"/api/photo/{builder.photos[0]}"
    assert (await builder.call("GET", photo, builder.headers(1))).status == 404


async def test_a_new_consent_follows_a_withdrawn_one(builder: ScriptedEvent) -> None:
    """Also while the receipt is open, for the engine is away: what is new is not left over."""
    await builder.set_columns(browse=True)
    await builder.endpoint.down()
    path = f"/api/me/events/{builder.event_id}/consent"
    shown = await receipt_of(builder, await builder.call("DELETE", path, builder.headers(1)))
    assert "has not confirmed it yet" in shown
    answer = await builder.send_join_form(picture(1), builder.headers(1))
    assert (await answer.json())["selfie"] == {"status": "pending"}
    assert await builder.count("receipt where cardinality(guest_ids) > 0") == 0

    await builder.endpoint.up()
    await builder.app.drain()
    assert len(builder.vectors_of_guests()) == 2
    assert len(await builder.get_json("/api/my-photos", builder.headers(1))) == 3
    assert await builder.count("guest where consent_withdrawn_at is not null") == 0


async def test_the_face_goes_and_the_account_stays(builder: ScriptedEvent) -> None:
    shown = await receipt_of(
        builder, await builder.call("DELETE", "/api/me/face", builder.headers(1))
    )
    assert "Matches with photos 3 " in shown
    assert "We looked everywhere again: nothing is left." in shown
    assert len(builder.vectors_of_guests()) == 1
    assert await rows_of(builder, 1) == NOTHING
    credentials = {"email": "1@example.org", "password": "a long password"}
    assert (await builder.call("POST", "/api/auth/login", json=credentials)).status == 200


async def test_the_face_goes_from_all_events(builder: ScriptedEvent) -> None:
    """In the one that can be browsed the guest stays, in the other the part ends."""
    answer = await builder.client.post(
        "/api/admin/events", json={"name": "Brunch"}, headers=builder.app.admin
    )
    other = await answer.json()
    builder.code = other["code"]
    assert (await builder.send_join_form(picture(1), builder.headers(1))).status == 201
    await builder.pool.execute("update event set browse = true where id = $1", int(other["id"]))
    assert len(builder.vectors_of_guests()) == 3

    shown = await receipt_of(
        builder, await builder.call("DELETE", "/api/me/face", builder.headers(1))
    )
    assert "Of 2 events; your account stays" in shown
    assert len(builder.vectors_of_guests()) == 1
    me = await (await builder.call("GET", "/api/me", builder.headers(1))).json()
    assert [(event["name"], event["consented"]) for event in me["events"]] == [("Brunch", False)]


async def test_leaving_one_event_takes_all_of_it(builder: ScriptedEvent) -> None:
    await builder.set_columns(browse=True)
    path = f"/api/me/events/{builder.event_id}"
    shown = await receipt_of(builder, await builder.call("DELETE", path, builder.headers(1)))
    assert "We looked everywhere again: nothing is left." in shown
    assert await builder.count("guest") == 1
    assert await builder.count("favourite") == 0
    assert len(builder.vectors_of_guests()) == 1


@pytest.mark.parametrize("path", ["/consent", ""])
async def test_only_a_guest_of_the_event_leaves_it(builder: ScriptedEvent, path: str) -> None:
    answer = await builder.client.post(
        "/api/admin/events", json={"name": "Brunch"}, headers=builder.app.admin
    )
    other = (await answer.json())["id"]
    for event_id in (other, "999", "x"):
        answer = await builder.call(
            "DELETE", f"/api/me/events/{event_id}{path}", builder.headers(1)
        )
        assert await problem(answer) == (404, "not_found")
    answer = await builder.call("DELETE", f"/api/me/events/{builder.event_id}{path}")
    assert await problem(answer) == (401, "sign_in_required")
    assert await builder.count("receipt") == 0


async def test_the_forms_ask_once_and_end_with_the_receipt(builder: ScriptedEvent) -> None:
    await builder.set_columns(browse=True)
    cookie = {"Cookie": f"findme_session={builder.tokens[1]}", **PAGE}
    own = {**cookie, "Sec-Fetch-Site": "same-origin"}
    asked = {
        f"?what=consent&event={builder.event_id}": "Withdraw my consent?",
        "?what=face": "Erase my face?",
        f"?what=event&event={builder.event_id}": "Leave this event?",
        "": "Erase my face and my account?",
    }
    for query, title in asked.items():
        page = await builder.call("GET", f"/account/erase{query}", cookie)
        assert title in await page.text()
        foreign = {**cookie, "Sec-Fetch-Site": "cross-site"}
        assert (await builder.call("POST", f"/account/erase{query}", foreign)).status == 403
        answer = await builder.call("POST", f"/account/erase{query}", own)
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/receipt/")
    assert await builder.count("account where role = 'guest'") == 1
    assert await builder.count("receipt where checked_at is not null") == 4


async def test_the_question_says_how_many_photos_are_lost(builder: ScriptedEvent) -> None:
    """Counted by the event's own threshold; where the gallery stays open, none is lost."""
    cookie = {"Cookie": f"findme_session={builder.tokens[1]}", **PAGE}
    one = f"&event={builder.event_id}"

    async def lost(query: str) -> list[str]:
        page = await builder.call("GET", f"/account/erase{query}", cookie)
        return re.findall(r"You will lose access to your ([\d]+ photos?)\.", await page.text())

    for query in ("", "?what=face", f"?what=event{one}", f"?what=consent{one}"):
        assert await lost(query) == ["3 photos"], query
    await builder.set_columns(browse=True)
    assert await lost(f"?what=consent{one}") == await lost("?what=face") == []
    assert await lost("") == await lost(f"?what=event{one}") == ["3 photos"]
    # the one that the guest confirmed stays whatever the threshold is
    await builder.set_columns(match_threshold=100, maybe_threshold=50)
    await builder.pool.execute("update match set similarity = 99")
    assert await lost("") == ["1 photo"]


async def test_a_name_only_guest_is_erased_as_any_other(builder: ScriptedEvent) -> None:
    await builder.set_columns(accounts="optional")
    joined = await builder.join_by_name(3)
    shown = await receipt_of(
        builder, await builder.call("DELETE", "/api/me", bearer(joined["token"]))
    )
    assert "We looked everywhere again: nothing is left." in shown
    assert await builder.count("account where email is null") == 0


async def test_an_answer_that_races_the_withdrawal_leaves_nothing(builder: ScriptedEvent) -> None:
    """Whichever comes first: no reference of the guest outlives their consent."""
    await builder.set_columns(browse=True)
    _, second, third = builder.photos
    me = builder.headers(1)
    await asyncio.gather(
        builder.call("POST", f"/api/photos/{second}/me", me, json={}),
        builder.call("DELETE", f"/api/me/events/{builder.event_id}/consent", me),
        builder.call("POST", f"/api/photos/{third}/me", me, json={}),
    )
    await builder.app.drain()
    assert await rows_of(builder, 1) == NOTHING


async def test_an_answer_waits_for_a_withdrawal_that_is_under_way(builder: ScriptedEvent) -> None:
    """The guest's row decides: what was read of it before counts no more."""
    await builder.set_columns(browse=True)
    guest_id = await builder.pool.fetchval("select min(id) from guest")
    async with builder.pool.acquire() as first, builder.pool.acquire() as second:
        withdrawing = first.transaction()
        await withdrawing.start()
        await first.execute("update guest set consent_withdrawn_at = now() where id = $1", guest_id)
        held = asyncio.create_task(guests.lock_consent(second, guest_id))
        waits = "select exists (select from pg_locks where not granted)"
        await until(lambda: builder.pool.fetchval(waits))
        await withdrawing.commit()
        with pytest.raises(ConsentRequired):
            await held
