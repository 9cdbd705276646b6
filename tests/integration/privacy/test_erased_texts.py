"""What an erased guest wrote goes with them, and the receipt is checked by text, too."""

import re
from collections.abc import AsyncIterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.privacy import erasure_receipts, text_search
from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Scripted

NOTE = 'I am Ada Lovelace, +33 6 12 34 56 78: take me off, "please".\nThanks'


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Persons 1 and 2 as guests, and a photo of both that 1 has reported."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        await opened.join(1)
        await opened.join(2)
        await opened.upload(1, 2)
        await app.drain()
        await report(opened, 1, NOTE)
        yield opened


async def report(builder: EventBuilder, person: int, note: str) -> None:
    answer = await builder.call(
        "POST",
        f"/api/photos/{builder.photos[0]}/report",
        builder.headers(person),
        json={"reason": "of_me", "note": note},
    )
    assert answer.status == 201, await answer.text()


async def erase(builder: EventBuilder, person: int, path: str = "/api/me") -> str:
    """Erase and return the text of the receipt's page."""
    answer = await builder.call("DELETE", path, builder.headers(person))
    assert answer.status == 204, await answer.text()
    shown = await builder.call(
        "GET", answer.headers["Location"], {"Accept": "text/html", "Accept-Language": "en"}
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await shown.text()))


async def found(builder: EventBuilder, *texts: str) -> set[str]:
    async with db.acquire(builder.pool) as conn:
        return {str(place) for place in await text_search.find(conn, texts)}


@pytest.mark.parametrize("path", ["/api/me", "/api/me/events/{}"])
async def test_the_words_of_a_guest_go_and_their_report_stays(
    builder: EventBuilder, path: str
) -> None:
    assert await found(builder, "+33 6 12 34 56 78") == {"report.note"}

    shown = await erase(builder, 1, path.format(builder.event_id))

    assert await found(builder, "Ada Lovelace", "+33 6 12 34 56 78") == set()
    assert await builder.pool.fetchval("select reason from report") == "of_me"
    assert "Your words 1 What you wrote about photos you reported" in shown
    assert "nothing is left" in shown


async def test_a_guest_who_stays_to_browse_keeps_their_report(builder: EventBuilder) -> None:
    await builder.set_columns(browse=True)
    shown = await erase(builder, 1, f"/api/me/events/{builder.event_id}/consent")
    assert await found(builder, "Ada Lovelace") == {"report.note"}
    assert "Your words" not in shown


async def test_a_guest_whose_row_is_deleted_elsewhere_leaves_no_words(
    builder: EventBuilder,
) -> None:
    """A restore repeats deletions by the rows' random names."""
    await builder.pool.execute(
        """
        insert into person (event_id, guest_id, name)
        select event_id, id, 'Aunt Ada' from guest order by id limit 1"""
    )
    await builder.pool.execute("delete from account where name = 'Person 1'")
    assert await found(builder, "Ada Lovelace", "Aunt Ada") == set()


async def test_words_of_others_are_told_and_stay(builder: EventBuilder) -> None:
    await report(builder, 2, "Write to 1@example.org, please, as Person 1 says.")
    await builder.pool.execute("update photo set filename = 'Person 1.jpg'")
    shown = await erase(builder, 1)
    assert re.search(r"Words of others 2 They mention your name or address", shown)
    assert "nothing is left" in shown


async def test_a_text_that_is_left_keeps_the_receipt_open(
    builder: EventBuilder, caplog: pytest.LogCaptureFixture
) -> None:
    """As a new column would, or a job's error with somebody's address in it."""
    await builder.pool.execute(
        "update job set error = '550 <1@example.org> is not here' where kind = 'index_photo'"
    )
    shown = await erase(builder, 1)
    assert "A text of yours may be left in our database." in shown
    assert "nothing is left" not in shown
    assert "text is left in job.error" in caplog.text
    assert "1@example.org" not in caplog.text
    await builder.pool.execute("update receipt set tried_at = null")
    resources = builder.app.resources
    assert await erasure_receipts.check_open(resources.pool, resources.faces) == 0


async def test_words_are_found_in_every_kind_of_column(builder: EventBuilder) -> None:
    await builder.pool.execute(
        "update job set payload = jsonb_build_object('note', $1::text)", NOTE
    )
    await builder.pool.execute("update upload_token set label = ''")
    await builder.pool.execute("update selfie set advice = array['dark', 'Zoé']")
    assert await found(builder, NOTE) == {"job.payload", "report.note"}
    assert await found(builder, "ZOÉ") == {"selfie.advice"}
    assert await found(builder, "Lovelac") == set()
    assert await found(builder) == set()


async def test_words_that_anybody_uses_prove_nothing(builder: EventBuilder) -> None:
    await builder.pool.execute("update account set name = 'Will' where name = 'Person 1'")
    await builder.pool.execute("update job set error = 'The engine will come back'")
    assert "nothing is left" in await erase(builder, 1)
