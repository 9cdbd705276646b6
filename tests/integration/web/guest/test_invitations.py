"""Personal links: made from names, shown once, good for one guest, who does not wait."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import FormData
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.settings import Settings
from tests.conftest import application
from tests.support.event_builder import EventBuilder
from tests.support.helpers import problem
from tests.support.scripted_engine import Scripted, picture

PAGE = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """An event whose organiser admits guests, with a photo of person 1."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app, accounts="optional", admission="approval")
        await opened.upload(1)
        await app.drain()
        yield opened


def path_of(builder: EventBuilder) -> str:
    return f"/api/admin/events/{builder.event_id}/invitations"


async def invite(builder: EventBuilder, *names: str) -> dict[str, Any]:
    """Invite names; return the answer."""
    answer = await builder.call(
        "POST", path_of(builder), builder.app.admin, json={"names": list(names)}
    )
    assert answer.status == 201, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    made: dict[str, Any] = await answer.json()
    return made


async def token_for(builder: EventBuilder, name: str) -> str:
    (made,) = (await invite(builder, name))["created"]
    return str(URL(made["url"]).query["invitation"])


async def names(builder: EventBuilder) -> list[str]:
    """Return the names whose invitations are open, newest first."""
    listed = await builder.get_json(path_of(builder), builder.app.admin)
    return [one["name"] for one in listed]


async def test_a_link_admits_one_guest_with_the_name_filled_in(builder: EventBuilder) -> None:
    token = await token_for(builder, "Ada Lovelace")
    link = f"/e/{builder.code}?invitation={token}"
    for _ in range(2):  # looking uses nothing up: programs look at the links of mails
        page = await (await builder.call("GET", link, PAGE)).text()
        assert 'value="Ada Lovelace"' in page
        assert "sees a small picture of your selfie" not in page

    refused = await builder.send_join_form(picture(1, 2), invitation=token)
    assert await problem(refused) == (422, "several_faces")
    assert await names(builder) == ["Ada Lovelace"]
    attempt = "0123456789" * 3
    joined = await builder.send_join_form(picture(1), invitation=token, attempt=attempt)
    body = await joined.json()
    assert (joined.status, body["admitted"], body["user"]["name"]) == (201, True, "Ada Lovelace")
    builder.tokens["ada"] = body["token"]
    await builder.app.drain()
    assert await builder.guest_photos("ada") == set(builder.photos)
    assert await names(builder) == []
    assert await builder.count("invitation") == 0

    # the answer was lost, and the phone sends the form again
    again = await builder.send_join_form(
        picture(1), invitation=token, attempt=attempt, name="Ada Lovelace"
    )
    assert (await again.json())["user"] == body["user"]
    other = await builder.send_join_form(picture(2), invitation=token, name="Eve")
    assert await problem(other) == (409, "invitation_used")
    assert await builder.count("account where role = 'guest'") == 1
    page = await (await builder.call("GET", link, PAGE)).text()
    assert "You can join without it" in page
    assert "Ada" not in page
    back = await builder.call("GET", link, {**PAGE, **builder.headers("ada")})
    assert back.headers["Location"] == f"/gallery?event={builder.event_id}"


async def test_somebody_who_waits_is_admitted_by_their_link(builder: EventBuilder) -> None:
    assert await builder.join(1) == "accepted"
    await builder.app.drain()
    token = await token_for(builder, "Person 1")
    form = await builder.send_join_form(picture(1), builder.headers(1), invitation=token)
    assert (await form.json())["admitted"] is True
    await builder.app.drain()
    assert await builder.guest_photos(1) == set(builder.photos)


async def test_names_are_invited_once_and_links_are_withdrawn(builder: EventBuilder) -> None:
    made = await invite(builder, "Ada", " ada ", "Ben", "", "x" * 101, "7", "a@example.org", "A\tB")
    assert [one["name"] for one in made["created"]] == ["Ada", "Ben", "A B"]
    assert [one["reason"] for one in made["skipped"]] == ["twice", *3 * ["not_a_name"]]
    assert (await invite(builder, "BEN"))["skipped"] == [{"name": "BEN", "reason": "invited"}]
    assert await names(builder) == ["A B", "Ben", "Ada"]
    listed = await builder.get_json(path_of(builder), builder.app.admin, limit="1")
    assert "url" not in listed[0]
    tokens = await builder.pool.fetch("select * from invitation")
    ada = made["created"][0]
    assert URL(ada["url"]).query["invitation"] not in str([dict(row) for row in tokens])

    path = f"{path_of(builder)}/{ada['id']}"
    assert (await builder.call("DELETE", path, builder.app.admin)).status == 204
    assert (await builder.call("DELETE", path, builder.app.admin)).status == 404
    token = URL(ada["url"]).query["invitation"]
    gone = await builder.send_join_form(picture(1), invitation=token, name="Ada")
    assert await problem(gone) == (409, "invitation_used")

    wrong: tuple[object, ...] = ([], "Ada", [1], ["a"] * 1001)
    for body in ({}, *({"names": value} for value in wrong)):
        answer = await builder.call("POST", path_of(builder), builder.app.admin, json=body)
        assert (await problem(answer))[0] == 422
    # a withdrawn link does not come back with a backup
    kinds = await builder.pool.fetch("select kind from erasure")
    assert [row["kind"] for row in kinds].count("invitation") == 1
    log = await builder.get_json("/api/admin/audit", builder.app.admin)
    done = [(entry["action"], entry["detail"]) for entry in log]
    assert ("invitations.withdrawn", {"invitations": 1}) in done
    assert ("invitations.created", {"invitations": 3}) in done


async def test_the_page_takes_a_list_and_gives_the_links_as_a_table(builder: EventBuilder) -> None:
    path = f"/admin/events/{builder.event_id}/invitations"

    async def send(text: str = "", file: bytes = b"") -> tuple[int, str]:
        form = FormData()
        form.add_field("names", text)
        form.add_field("list", file, filename="guests.csv", content_type="text/csv")
        answer = await builder.call("POST", path, {**builder.app.admin, **PAGE}, data=form)
        return answer.status, await answer.text()

    status, page = await send(file="Prénom;Nom\nZoë;<i>\n=1+1;x\n".encode("cp1252"))
    assert status == 200
    assert "Zoë &lt;i&gt;" in page
    (table,) = re.findall('href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    lines = base64.b64decode(table).decode("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["name", "Zoë <i>", "'=1+1 x"]
    assert f"/e/{builder.code}?invitation=" in lines[1]

    for wrong in ({"text": " \n"}, {"file": b"x" * 600_000}, {"text": "a\n" * 1001}):
        assert (await send(**wrong))[0] == 422
    shown = await builder.call("GET", path, {**builder.app.admin, **PAGE})
    assert "data:text/csv" not in await shown.text()
    withdrawn = await builder.call(
        "POST", f"{path}/withdraw", builder.app.admin, data={"all": "yes"}
    )
    assert withdrawn.headers["Location"] == f"{path}?withdrawn=2"
    assert await names(builder) == []
