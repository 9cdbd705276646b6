"""A consent is to what the server showed: the form carries its id, the record keeps its text."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import problem
from tests.support.scripted_engine import Scripted, picture


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        yield await EventBuilder.create(app, accounts="optional", expires_at="2031-05-06T07:00:00Z")


async def shown_page(builder: EventBuilder, language: str) -> tuple[str, str]:
    """Return the text of the join page, and the id that its form carries."""
    answer = await builder.call(
        "GET", f"/e/{builder.code}", {"Accept": "text/html", "Accept-Language": language}
    )
    page = await answer.text()
    (consent_id,) = re.findall(r'name="consent_id" value="([^"]+)"', page)
    words = html.unescape(re.sub(r"<[^>]+>", " ", page))
    return re.sub(r"[ \n]+", " ", words), consent_id


async def recorded(builder: EventBuilder) -> tuple[str, str]:
    row = await builder.pool.fetchrow("select consent_text, consent_language from guest")
    assert row is not None
    return row["consent_text"], row["consent_language"]


@pytest.mark.parametrize(
    ("kind", "language", "sentence"),
    [
        ("other", "en", "to find my photos of this event"),
        ("wedding", "en", "to find my photos of this wedding"),
        ("party", "fr", "mes photos de cette soirée"),
        ("race", "fr", "mes photos de cette course"),
    ],
)
async def test_the_record_has_all_that_the_page_said(
    builder: EventBuilder, kind: str, language: str, sentence: str
) -> None:
    await builder.set_columns(occasion=kind)
    page, consent_id = await shown_page(builder, language)
    answer = await builder.send_join_form(
        picture(1), name="Nia", language=language, consent_id=consent_id
    )
    assert answer.status == 201, await answer.text()

    text, kept_language = await recorded(builder)

    assert kept_language == language
    assert consent_id.startswith(f"{language}-")
    lines = text.split("\n")
    assert len(lines) == 8
    for line in lines:
        assert line in page
    assert "2031" in text
    assert "us-east-1" in text
    assert sentence in text


async def test_a_text_of_the_clients_own_is_not_recorded(builder: EventBuilder) -> None:
    answer = await builder.send_join_form(
        picture(1), name="Nia", language="en", consent_text="I agree to nothing"
    )
    assert answer.status == 201
    text, _ = await recorded(builder)
    assert "I agree to nothing" not in text
    assert text.startswith("I agree that my face is used")


async def test_a_language_that_we_do_not_have_is_the_visitors(builder: EventBuilder) -> None:
    answer = await builder.send_join_form(
        picture(1), {"Accept-Language": "fr"}, name="Nia", language="tlh"
    )
    assert answer.status == 201
    assert (await recorded(builder))[1] == "fr"


async def test_a_text_that_has_changed_since_is_read_again(builder: EventBuilder) -> None:
    _, consent_id = await shown_page(builder, "en")
    await builder.set_columns(browse=True)
    answer = await builder.send_join_form(
        picture(1), name="Nia", language="en", consent_id=consent_id
    )
    assert await problem(answer) == (409, "consent_changed")
    assert await builder.count("guest") == 0

    _, other = await shown_page(builder, "en")
    assert other != consent_id
    answer = await builder.send_join_form(picture(1), name="Nia", language="en", consent_id=other)
    assert answer.status == 201


async def test_the_text_names_who_is_responsible(builder: EventBuilder) -> None:
    page, _ = await shown_page(builder, "en")
    assert "Responsible: Admin. Questions, and what else you may ask: admin@example.org." in page
    await builder.set_columns(controller="Léa & Sons", contact="+33 1 23 45 67 89")
    answer = await builder.send_join_form(picture(1), name="Nia", language="en")
    assert answer.status == 201
    assert "Responsible: Léa & Sons. " in (await recorded(builder))[0]
    assert "+33 1 23 45 67 89" in (await recorded(builder))[0]


async def test_the_settings_name_who_is_responsible_for_all_events(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> None:
    ours = replace(settings, controller_name="Gala Ltd", controller_contact="dpo@gala.example")
    async with application(aiohttp_client, ours, database, endpoint_url=endpoint.url) as app:
        builder = await EventBuilder.create(app)
        page, _ = await shown_page(builder, "en")
    assert "Responsible: Gala Ltd. " in page
    assert "dpo@gala.example" in page


async def test_the_text_says_whether_the_selfie_is_kept(builder: EventBuilder) -> None:
    page, kept = await shown_page(builder, "en")
    assert "The selfie is kept too." in page
    await builder.set_columns(drop_selfies=True)
    page, dropped = await shown_page(builder, "en")
    assert "As soon as that is done, the selfie itself is deleted." in page
    assert kept != dropped
