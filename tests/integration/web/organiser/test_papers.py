"""The papers of an event: each says what its settings say, in every language; the register."""

import csv
import io
from collections.abc import Mapping

import pytest

from findme.web.organiser.papers import PAPERS
from findme.web.spreadsheet import csv_of
from tests.conftest import App
from tests.support.event_builder import EventBuilder
from tests.support.helpers import change_event, make_event, member, page_of

#: What is told of an event that chose nothing, by paper.
PLAIN: Mapping[str, str] = {
    "notice": "Photographs are taken at this event.",
    "poster": "Your photos arrive throughout the event.",
    "record": "password as a digest, language.",
    "assessment": "The choice “Look without a selfie” opens the gallery",
    "release": "A selfie is kept as long as its faceprint.",
}
#: What is told otherwise of one that chose all there is to choose.
CHOSEN: Mapping[str, str] = {
    "notice": "Photographs are taken at this race. Guests who agree",
    "poster": "The gallery opens without a selfie too.",
    "record": "e-mail address and password as a digest only if they give them",
    "assessment": "It is free: the gallery opens without a selfie too.",
    "release": "A selfie is deleted as soon as its faceprint is made.",
}


async def paper(app: App, event_id: str, name: str, code: str = "en") -> str:
    return await page_of(app, f"/admin/events/{event_id}/papers/{name}?in={code}")


async def test_each_paper_says_what_the_event_does(app: App) -> None:
    event = await make_event(
        app, expires_at="2031-05-06T07:00:00Z", closes_at="2031-05-02T07:00:00Z", time_zone="UTC"
    )
    plain = {name: await paper(app, event["id"], name) for name in PAPERS}
    await change_event(
        app,
        event,
        kind="race",
        browse=True,
        accounts="optional",
        drop_selfies=True,
        faces="guests_only",
        metadata="full",
        wall=True,
        controller="Run <b>& Co",
        contact="dpo@run.example",
    )
    chosen = {name: await paper(app, event["id"], name) for name in PAPERS}

    for name in PAPERS:
        assert PLAIN[name] in plain[name]
        assert CHOSEN[name] in chosen[name]
        assert PLAIN[name] not in chosen[name]
        assert "Admin" in plain[name]
        assert "admin@example.org" in plain[name]
        assert "Run &lt;b&gt;&amp; Co" in chosen[name]
        if name != "poster":
            assert "May 6, 2031" in chosen[name]
    for name in ("record", "assessment", "release"):
        assert "It is no legal advice" in chosen[name]
    for name in ("notice", "record", "assessment"):
        assert "only its place on the photo is kept" in chosen[name]
        assert "only its place on the photo is kept" not in plain[name]
        assert "deleted when matching closes (May 2, 2031)" in plain[name]
    assert "without places, names and data of the camera" in plain["record"]
    assert "also where they were taken" in chosen["record"]
    assert f"/e/{event['code']}/out: photos that seem to show you" in plain["notice"]
    assert "show their face once" in plain["assessment"]
    assert "A screen at the event shows photos" in chosen["notice"]
    assert "A screen at the event shows photos" not in plain["notice"]


async def test_the_papers_say_who_looks_at_selfies(app: App) -> None:
    event = await make_event(app)
    plain = await paper(app, event["id"], "record")
    await change_event(app, event, admission="approval", drop_selfies=True)
    record = await paper(app, event["id"], "record")

    assert "Staff never see selfies." in plain
    assert "Staff see a small picture of a selfie until its guest is admitted" in record
    assert "as soon as its faceprint is made and its guest is admitted" in record
    assert "Compare each name with the face" in await paper(app, event["id"], "assessment")


async def test_a_paper_speaks_the_language_that_it_is_wanted_in(app: App) -> None:
    """The organiser's own page keeps theirs."""
    event = await make_event(app, expires_at="2031-05-06T07:00:00Z", time_zone="UTC")

    notice = await paper(app, event["id"], "notice", "fr")
    unknown = await paper(app, event["id"], "notice", "tlh")

    assert '<html lang="en"' in notice
    assert 'lang="fr"' in notice
    assert "Des photos sont prises pendant cet événement." in notice
    assert "6 mai 2031" in notice
    assert "Photographs are taken at this event." in unknown
    page = await page_of(app, f"/admin/events/{event['id']}/papers")
    assert page.count("/papers/notice?in=") == 2


async def test_an_event_without_an_end_or_a_controller_is_told_so(app: App) -> None:
    event = await make_event(app, expires_at=None)
    page = await page_of(app, f"/admin/events/{event['id']}/papers")
    assert "This event has no end" in page
    assert "Who is responsible" in page
    assert "This event has no end" in await paper(app, event["id"], "release")
    assert "kept until the organiser erases the event" in await paper(app, event["id"], "notice")


async def test_the_register_has_who_agreed_to_what(app: App) -> None:
    """In the order of joining; nobody who only looks on."""
    builder = await EventBuilder.create(app)
    for number, name in enumerate(("Ada", '=HYPERLINK("http://x")')):
        guest = await member(app.resources.pool, builder.event, f"{number}@example.org")
        await app.resources.pool.execute(
            "update account set name = $1 where id = $2", name, guest.user_id
        )
    await app.resources.pool.execute(
        "update guest set consent_text = $1, consent_language = 'fr'", "J’accepte.\nTout."
    )
    onlooker = await member(app.resources.pool, builder.event, "2@example.org")
    await app.resources.pool.execute(
        """
        update guest set consent_at = null, consent_text = null, consent_language = null
         where account_id = $1""",
        onlooker.user_id,
    )

    answer = await app.client.get(
        f"/api/admin/events/{builder.event_id}/consents.csv", headers=app.admin
    )

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    head, *rows = csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig")))
    assert head == ["name", "email", "given_at", "withdrawn_at", "language", "text"]
    assert [row[:2] for row in rows] == [
        ["Ada", "0@example.org"],
        ['\'=HYPERLINK("http://x")', "1@example.org"],
    ]
    assert [row[3:] for row in rows] == [["", "fr", "J’accepte.\nTout."]] * 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_begins_a_formula(text: str) -> None:
    ((cell, plain),) = csv.reader(io.StringIO(csv_of([[text, "Ada = 1"]]).decode(), newline=""))
    assert cell == f"'{text}"
    assert plain == "Ada = 1"
