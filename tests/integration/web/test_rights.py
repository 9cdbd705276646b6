"""Every route, by everyone who may come: who gets in, and that a refusal changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.db import Pool
from findme.settings import Settings
from findme.web import cookies
from tests.support.helpers import problem
from tests.support.rights import (
    BODIES,
    BROWSER,
    CONSENT_FIRST,
    EVERYONE,
    GUEST,
    NAMED,
    NOBODY,
    VIEWERS,
    who_may,
)
from tests.support.rights_fixture import RightsFixture, fill
from tests.support.scripted_event import ScriptedEvent, open_scripted_event

READS = frozenset({"GET", "HEAD"})
#: Seconds after which an answer counts as one that waits for the body.
WAIT_SECONDS = 30


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """An event with guests and photos, on the scripted engine."""
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


@pytest.fixture
async def fixture(builder: ScriptedEvent) -> RightsFixture:
    """Something of each kind, and who comes to look at it."""
    return await fill(builder)


def routes_of(builder: ScriptedEvent) -> list[tuple[str, str]]:
    """Return method and route (`GET /a/{id}`) of all that is served; HEAD goes with GET."""
    app = builder.client.server.app  # type: ignore[attr-defined]  # of the test server
    assert isinstance(app, web.Application)
    found = []
    for route in app.router.routes():
        assert route.resource is not None
        named = "GET" if route.method == "HEAD" else route.method
        found.append((route.method, f"{named} {route.resource.canonical}"))
    return found


async def digest(pool: Pool) -> dict[str, str]:
    """Return a digest of each table, but for when tokens were used."""
    tables = await pool.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {
        row["tablename"]: await pool.fetchval(
            "select md5(coalesce(string_agg(line, ',' order by line), '')) from"
            f" (select (to_jsonb(t) - 'last_used_at')::text as line from {row['tablename']} as t)"
        )
        for row in tables
    }


async def status_of(
    builder: ScriptedEvent, fixture: RightsFixture, method: str, route: str, caller: str
) -> int:
    """Ask as a caller and return the status; the rest of the answer is not waited for."""
    answer = await builder.client.request(
        method,
        fixture.path(route),
        params=fixture.query(route),
        headers=fixture.headers[caller],
        json=BODIES.get(route),
        allow_redirects=False,
    )
    answer.close()
    builder.client.session.cookie_jar.clear()
    return answer.status


def refusal(route: str, caller: str) -> int:
    """Return how those are refused who do not get in."""
    if caller == NOBODY:
        return 401
    return 422 if caller == BROWSER and route in CONSENT_FIRST else 404


async def test_every_route_says_whom_it_is_for(builder: ScriptedEvent) -> None:
    assert {route for _, route in routes_of(builder)} == set(who_may())


async def test_what_is_read_is_read_by_those_who_may_and_by_nobody_else(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    wrong = []
    for method, route in routes_of(builder):
        if method not in READS:
            continue
        for caller in sorted(EVERYONE):
            status = await status_of(builder, fixture, method, route, caller)
            right = status < 400 if caller in who_may()[route] else status == refusal(route, caller)
            if not right:
                wrong.append(f"{method} {route} by {caller}: {status}")
    assert not wrong, "\n".join(wrong)


async def test_a_refused_change_changes_nothing(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    wrong, before = [], await digest(builder.pool)
    for method, route in routes_of(builder):
        if method in READS:
            continue
        for caller in sorted(EVERYONE - who_may()[route]):
            status = await status_of(builder, fixture, method, route, caller)
            if status != refusal(route, caller):
                wrong.append(f"{route} by {caller}: {status}")
        after = await digest(builder.pool)
        wrong += [f"{route} changed {name}" for name in after if after[name] != before[name]]
        before = after
    assert not wrong, "\n".join(wrong)


def media_types(route: str) -> list[str]:
    """Return the types of body that a route takes, or pretends to take."""
    path = route.partition(" ")[2]
    kinds = [
        "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    ]
    if any(word in path for word in ("photos", "uploads", "cover", "selfie")):
        kinds += ["multipart/form-data; boundary=x", "image/jpeg"]
    return kinds


async def status_before_body(
    builder: ScriptedEvent, method: str, target: URL, headers: Mapping[str, str], media_type: str
) -> int:
    """Announce a body, send nothing of it, and return the status of the answer; 0 if none comes."""
    server = builder.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    sent = {**headers, "Host": "findme", "Content-Type": media_type, "Content-Length": "5000000"}
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    try:
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
        async with asyncio.timeout(WAIT_SECONDS):
            return int((await reader.readline()).split()[1])
    except TimeoutError:
        return 0
    finally:
        writer.transport.abort()


async def test_a_caller_without_rights_is_refused_before_their_body_is_read(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    """Else a stranger's bytes take memory and disk, and learn that the address is right."""
    changes = [(method, route) for method, route in routes_of(builder) if method not in READS]
    asked = [
        (method, fixture.path(route), route, caller, refusal(route, caller))
        for method, route in changes
        for caller in sorted(EVERYONE - who_may()[route])
    ]
    # codes, and the tokens of mailed links
    keys = {"code": "WRONG234", "token": "wrong", "key": "wrong"}
    asked += [
        (method, route.partition(" ")[2].format(**keys), route, GUEST, 404)
        for method, route in changes
        if who_may()[route] == EVERYONE and "{" in route
    ]
    sent = [(*each, media_type) for each in asked for media_type in media_types(each[2])]
    statuses = await asyncio.gather(
        *(
            status_before_body(
                builder,
                method,
                URL(path).with_query(fixture.query(route)),
                fixture.headers[caller],
                media_type,
            )
            for method, path, route, caller, _, media_type in sent
        )
    )
    wrong = [
        f"{route} by {caller}, {media_type}: {status}"
        for (_, _, route, caller, right, media_type), status in zip(sent, statuses, strict=True)
        if status != right
    ]
    assert not wrong, "\n".join(wrong)


async def test_a_cookie_changes_nothing_without_the_proof_of_same_origin(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    before = await digest(builder.pool)
    for method, route in routes_of(builder):
        if method in READS or route == "POST /api/auth/login":
            continue
        for proof in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            answer = await builder.call(
                method,
                fixture.path(route),
                {"Cookie": f"{cookies.SESSION}={fixture.admin_token}", **proof},
                params=fixture.query(route),
                json=BODIES.get(route),
            )
            assert await problem(answer) == (403, "csrf"), route
    assert await digest(builder.pool) == before


async def test_reading_signs_nobody_in(builder: ScriptedEvent, fixture: RightsFixture) -> None:
    """Previews of links and pages of other sites make browsers read; only a form signs in."""
    sessions = await builder.count("session")
    for method, route in routes_of(builder):
        if method not in READS:
            continue
        answer = await builder.call(
            method,
            fixture.path(route),
            {"Sec-Fetch-Site": "cross-site"},
            params=fixture.query(route),
        )
        assert not {cookies.SESSION, cookies.BROWSER} & answer.cookies.keys(), (method, route)
    assert await builder.count("session") == sessions


async def test_photos_that_guests_do_not_see_are_there_for_admins_alone(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    """By id, size, heart, verdict, report, page, wall and ZIP."""
    wrong = []
    routes = [
        (method, route)
        for method, route in routes_of(builder)
        if "/photos/{id}" in route or "/photo/{id}" in route or "/gallery/{id}" in route
    ]
    assert len(routes) > 20
    for photo_id in fixture.unseen:
        for method, route in routes:
            if "/admin/" in route:
                continue
            path = fixture.path(route)
            seen = fixture.names["id"]
            for caller in sorted(EVERYONE - {NOBODY}):
                expected = 404
                if caller == "admin" and who_may()[route] == VIEWERS:
                    expected = 200
                answer = await builder.call(
                    method,
                    path.replace(f"/{seen}", f"/{photo_id}"),
                    fixture.headers[caller],
                    params=fixture.query(route),
                    json=BODIES.get(route),
                )
                if answer.status != expected:
                    wrong.append(f"{method} {route} by {caller}: {answer.status}")
    assert not wrong, "\n".join(wrong)


async def test_no_list_names_a_photo_that_guests_do_not_see(
    builder: ScriptedEvent, fixture: RightsFixture
) -> None:
    wall = f"/api/wall/{fixture.names['/wall/{token}']}/photos"
    for path, caller in (
        ("/api/my-photos", GUEST),
        ("/api/my-photos", NAMED),
        ("/api/all-photos", GUEST),
        ("/api/all-photos", BROWSER),
        (wall, NOBODY),
    ):
        answer = await builder.call(
            "GET", path, fixture.headers[caller], params={"event": builder.event_id}
        )
        ids = {photo["id"] for photo in await answer.json()}
        assert fixture.names["photo_id"] in ids, (path, caller)
        assert not ids & set(fixture.unseen), (path, caller)
