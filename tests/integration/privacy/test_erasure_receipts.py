"""Receipts of erasures: true numbers, checked, without a name, and complete by themselves."""

import re
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, rekognition
from findme.indexing import vector_deletion
from findme.models import UserId
from findme.privacy import erasure_receipts
from findme.services import erasure
from findme.settings import Settings
from tests.conftest import App, application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Face, Fault, Scripted


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a call after one attempt, and ask the engine again at once."""
    monkeypatch.setattr(rekognition, "RETRIES", 0)
    monkeypatch.setattr(rekognition, "OUTAGE_SECONDS", 0.0)


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Persons 1 and 2 as guests, and three photos of 1."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        await opened.join(1)
        await opened.join(2)
        for others in ((), (2,), (3,)):
            await opened.upload(1, *others)
        await app.drain()
        yield opened


async def erase(builder: EventBuilder, person: int) -> str:
    """Erase a guest's account; return the address of the receipt."""
    answer = await builder.app.client.delete(
        "/api/me", headers={"Authorization": f"Bearer {builder.tokens[person]}"}
    )
    assert answer.status == 204, await answer.text()
    assert re.fullmatch(r"/receipt/[\w-]{22}", answer.headers["Location"])
    return answer.headers["Location"]


async def page(builder: EventBuilder, address: str, language: str = "en") -> str:
    answer = await builder.app.client.get(
        address, headers={"Accept-Language": language, "Accept": "text/html"}
    )
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await answer.text()))


async def test_the_receipt_tells_what_went_and_that_nothing_is_left(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    answer = await builder.app.client.post(
        f"/api/photos/{builder.photos[0]}/not-me",
        headers={"Authorization": f"Bearer {builder.tokens[1]}"},
    )
    assert answer.status == 204
    shown = await page(builder, await erase(builder, 1))

    assert "Your face is erased. Nothing of it is left with us." in shown
    assert re.search(r"Receipt [2-9A-Z]{2}-[2-9A-Z]{4} ", shown)
    assert "Selfies 1 Database, with their pictures" in shown
    assert re.search(r"Faceprints 1 Amazon Rekognition, us-east-1", shown)
    assert "Matches with photos 2 Sure: 2, uncertain: 0" in shown
    assert "Your answers 1 " in shown
    assert "Name, e-mail address, password, sign-ins, 1 event " in shown
    assert "We looked everywhere again: nothing is left." in shown
    assert endpoint.calls["DescribeCollection"] == 1


async def test_the_receipt_is_in_french_too(builder: EventBuilder) -> None:
    shown = await page(builder, await erase(builder, 1), "fr")
    assert "Votre visage est effacé. Il n’en reste rien chez nous." in shown
    assert "Vérifié le " in shown


async def test_a_receipt_holds_no_name_and_in_the_end_no_id(builder: EventBuilder) -> None:
    address = await erase(builder, 1)
    row = await builder.app.resources.pool.fetchrow("select * from receipt")
    assert row is not None
    assert row["checked_at"] >= row["erased_at"]
    assert (row["account_id"], row["guest_ids"]) == (None, [])
    assert not [value for value in row.values() if isinstance(value, str)]
    shown = await page(builder, address)
    assert "Person 1" not in shown
    assert "1@example.org" not in shown


async def test_only_the_token_opens_a_receipt(builder: EventBuilder) -> None:
    address = await erase(builder, 1)
    for wrong in ("/receipt/1", address[:-1], address.upper()):
        assert (await builder.app.client.get(wrong)).status == 404


async def test_the_receipt_completes_when_the_engine_is_back(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    resources = builder.app.resources
    await endpoint.down()
    address = await erase(builder, 1)

    shown = await page(builder, address)
    assert "Erased here. The face engine has not confirmed it yet" in shown
    assert "nothing is left" not in shown.lower()
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 0

    await endpoint.up()
    # the vector itself waits in its job still
    await resources.pool.execute("update receipt set tried_at = null")
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 0
    await builder.app.drain()
    await resources.pool.execute("update receipt set tried_at = null")
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 1

    assert "We looked everywhere again: nothing is left." in await page(builder, address)
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 0


async def test_a_vector_that_nobody_knows_of_keeps_the_receipt_open(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    """As long as the engine holds more than it should, nothing is said to be gone."""
    (held,) = endpoint.collections.values()
    held["stray"] = Face("stray", "g:9:9", 1, 0)
    address = await erase(builder, 1)
    assert "has not confirmed it yet" in await page(builder, address)

    del held["stray"]
    resources = builder.app.resources
    await resources.pool.execute("update receipt set tried_at = null")
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 1


async def test_a_check_that_failed_is_made_ever_more_rarely(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await endpoint.down()
    await erase(builder, 1)
    pool, faces = builder.app.resources.pool, builder.app.resources.faces

    async def is_tried(age: str, since: str) -> bool:
        await pool.execute(
            """
            update receipt set tried_at = now() - $2::text::interval,
                               erased_at = now() - $1::text::interval - $2::text::interval""",
            age,
            since,
        )
        before = await pool.fetchval("select tried_at from receipt")
        await erasure_receipts.check_open(pool, faces)
        return bool(before != await pool.fetchval("select tried_at from receipt"))

    assert await is_tried("1 minute", "7 seconds")
    assert not await is_tried("1 day", "1 hour")
    assert await is_tried("1 day", "3 hours")


async def test_a_part_in_an_event_has_its_receipt_while_the_account_stays(
    builder: EventBuilder,
) -> None:
    """What forgetting a face alone will show."""
    pool = builder.app.resources.pool
    user_id = UserId(await pool.fetchval("select id from account where name = 'Person 1'"))
    async with db.transaction(pool) as conn:
        opened = await erasure_receipts.begin(conn, user_id, whole=False)
        await conn.execute("delete from guest where account_id = $1", user_id)
    shown = await page(builder, f"/receipt/{opened.token}")
    assert "Consent withdrawn Of 1 event; your account stays" in shown
    async with db.acquire(pool) as conn:
        assert await erasure_receipts.count_rows(conn, user_id, []) > 0


async def test_the_check_looks_at_every_table_that_leads_to_a_person(app: App) -> None:
    """A new table with a guest or an account in it belongs into the check."""
    rows = await app.resources.pool.fetch(
        """
        select conrelid::regclass::text as leads, confrelid::regclass::text as to_table,
               attname as name
          from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
         where contype = 'f' and confrelid in ('account'::regclass, 'guest'::regclass)"""
    )
    for row in rows:
        looked_at = (
            erasure_receipts.OF_ACCOUNT
            if row["to_table"] == "account"
            else erasure_receipts.OF_GUEST
        )
        assert looked_at.get(row["leads"]) == row["name"], dict(row)


@pytest.mark.parametrize("operation", ["DeleteFaces", "DescribeCollection"])
async def test_an_engine_that_is_silent_keeps_nobody_from_their_receipt(
    builder: EventBuilder, endpoint: Scripted, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(vector_deletion, "DELETE_SECONDS", 0.1)
    monkeypatch.setattr(erasure, "CHECK_SECONDS", 0.1)
    endpoint.script = lambda asked: Fault.STALL if asked == operation else None
    await erase(builder, 1)
    assert await unchecked(builder) == 1

    endpoint.script = lambda _operation: None
    await builder.app.drain()
    await builder.app.resources.pool.execute("update receipt set tried_at = null")
    await erasure_receipts.check_open(builder.app.resources.pool, builder.app.resources.faces)
    assert await unchecked(builder) == 0


async def test_a_removal_that_another_took_over_meanwhile_is_no_failure(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    async def take_over(operation: str) -> None:
        if operation == "DeleteFaces":
            await builder.app.resources.pool.execute(
                "update job set state = 'queued', lease = lease + 1 where kind = 'forget_faces'"
            )

    endpoint.after = take_over
    await erase(builder, 1)


async def test_a_database_that_fails_after_the_erasure_keeps_nobody_from_their_receipt(
    builder: EventBuilder,
) -> None:
    pool = builder.app.resources.pool
    await pool.execute("""
        create function fail() returns trigger language plpgsql as $$
        begin raise exception 'no room' using errcode = 'out_of_memory'; end $$;
        create trigger fail before update of tried_at on receipt for each row
            execute function fail()""")
    await erase(builder, 1)
    assert await unchecked(builder) == 1


async def unchecked(builder: EventBuilder) -> int:
    number: int = await builder.app.resources.pool.fetchval(
        "select count(*) from receipt where checked_at is null"
    )
    return number
