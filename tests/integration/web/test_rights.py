"""Every route, by everyone who may come: who gets in, and that a refusal changes nothing."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from findme.db import Pool
from findme.settings import Settings
from findme.web.middleware import SESSION_COOKIE
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
from tests.support.rights_fixture import Evening, begin
from tests.support.scripted_event import Soiree, open_soiree

READS = frozenset({"GET", "HEAD"})


@pytest.fixture
async def soiree(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[Soiree]:
    """An event with guests and photos, on the scripted engine."""
    async with open_soiree(aiohttp_client, settings, database) as opened:
        yield opened


@pytest.fixture
async def evening(soiree: Soiree) -> Evening:
    """Something of each kind, and who comes to look at it."""
    return await begin(soiree)


def routes_of(soiree: Soiree) -> list[tuple[str, str]]:
    """Return method and route (`GET /a/{id}`) of all that is served; HEAD goes with GET."""
    app = soiree.client.server.app  # type: ignore[attr-defined]  # of the test server
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


async def status_of(soiree: Soiree, evening: Evening, method: str, route: str, caller: str) -> int:
    """Ask as a caller and return the status; the rest of the answer is not waited for."""
    answer = await soiree.client.request(
        method,
        evening.path(route),
        params=evening.query(route),
        headers=evening.headers[caller],
        json=BODIES.get(route),
        allow_redirects=False,
    )
    answer.close()
    soiree.client.session.cookie_jar.clear()
    return answer.status


def refusal(route: str, caller: str) -> int:
    """Return how those are refused who do not get in."""
    if caller == NOBODY:
        return 401
    return 422 if caller == BROWSER and route in CONSENT_FIRST else 404


async def test_every_route_says_whom_it_is_for(soiree: Soiree) -> None:
    assert {route for _, route in routes_of(soiree)} == set(who_may())


async def test_what_is_read_is_read_by_those_who_may_and_by_nobody_else(
    soiree: Soiree, evening: Evening
) -> None:
    wrong = []
    for method, route in routes_of(soiree):
        if method not in READS:
            continue
        for caller in sorted(EVERYONE):
            status = await status_of(soiree, evening, method, route, caller)
            right = status < 400 if caller in who_may()[route] else status == refusal(route, caller)
            if not right:
                wrong.append(f"{method} {route} by {caller}: {status}")
    assert not wrong, "\n".join(wrong)


async def test_a_refused_change_changes_nothing(soiree: Soiree, evening: Evening) -> None:
    wrong, before = [], await digest(soiree.pool)
    for method, route in routes_of(soiree):
        if method in READS:
            continue
        for caller in sorted(EVERYONE - who_may()[route]):
            status = await status_of(soiree, evening, method, route, caller)
            if status != refusal(route, caller):
                wrong.append(f"{route} by {caller}: {status}")
        after = await digest(soiree.pool)
        wrong += [f"{route} changed {name}" for name in after if after[name] != before[name]]
        before = after
    assert not wrong, "\n".join(wrong)


async def test_a_cookie_changes_nothing_without_the_proof_of_same_origin(
    soiree: Soiree, evening: Evening
) -> None:
    before = await digest(soiree.pool)
    for method, route in routes_of(soiree):
        if method in READS or route == "POST /api/auth/login":
            continue
        for proof in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            answer = await soiree.call(
                method,
                evening.path(route),
                {"Cookie": f"{SESSION_COOKIE}={evening.admin_token}", **proof},
                params=evening.query(route),
                json=BODIES.get(route),
            )
            assert await problem(answer) == (403, "csrf"), route
    assert await digest(soiree.pool) == before


async def test_photos_that_guests_do_not_see_are_there_for_admins_alone(
    soiree: Soiree, evening: Evening
) -> None:
    """By id, size, heart, verdict, report, page, wall and ZIP."""
    wrong = []
    routes = [
        (method, route)
        for method, route in routes_of(soiree)
        if "/photos/{id}" in route or "/photo/{id}" in route or "/gallery/{id}" in route
    ]
    assert len(routes) > 20
    for photo_id in evening.unseen:
        for method, route in routes:
            if "/admin/" in route:
                continue
            path = evening.path(route)
            seen = evening.names["id"]
            for caller in sorted(EVERYONE - {NOBODY}):
                expected = 404
                if caller == "admin" and who_may()[route] == VIEWERS:
                    expected = 200
                answer = await soiree.call(
                    method,
                    path.replace(f"/{seen}", f"/{photo_id}"),
                    evening.headers[caller],
                    params=evening.query(route),
                    json=BODIES.get(route),
                )
                if answer.status != expected:
                    wrong.append(f"{method} {route} by {caller}: {answer.status}")
    assert not wrong, "\n".join(wrong)


async def test_no_list_names_a_photo_that_guests_do_not_see(
    soiree: Soiree, evening: Evening
) -> None:
    wall = f"/api/wall/{evening.names['/wall/{token}']}/photos"
    for path, caller in (
        ("/api/my-photos", GUEST),
        ("/api/my-photos", NAMED),
        ("/api/all-photos", GUEST),
        ("/api/all-photos", BROWSER),
        (wall, NOBODY),
    ):
        answer = await soiree.call(
            "GET", path, evening.headers[caller], params={"event": soiree.event_id}
        )
        ids = {photo["id"] for photo in await answer.json()}
        assert evening.names["photo_id"] in ids, (path, caller)
        assert not ids & set(evening.unseen), (path, caller)
