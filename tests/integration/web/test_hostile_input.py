"""Whatever is sent to any route is answered: never by a mistake of ours, never to elsewhere."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from findme.settings import Settings
from tests.support.rights import ADMIN, GUEST, NOBODY, PHOTOGRAPHER, who_may
from tests.support.rights_fixture import RightsFixture, fill
from tests.support.scripted_event import ScriptedEvent, open_scripted_event

QUERIES = [
    *("event=%00", "event=1&tab=%00", "event=1&before=0", "before=99999999999999999999"),
    *("limit=0", "ids=%00", "ids=" + ",".join(["1"] * 2000), "size=%00", "after=%00"),
    *("after=0001-01-01T00:00:00Z", "state=%00", "view=%00", "q=%00%ff", "q=%25%5C_", "sure=nan"),
    *("lang=fr&x=%0d%0aA:b", "code=%E2%82%AC%0D%0A", "what=consent&event=%00", "next=//evil"),
]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BODIES = [
    (
        JSON,
        b'{"ids":["\\u0000"],"name":"\\u0000","email":"\\u0000@b.c","note":"\\u0000","url":"\\u0000"}',
    ),
    (JSON, b'{"ids":[1],"name":5,"workers":99999999999999999999999,"clock_offset_s":1e30}'),
    (JSON, b'{"expires_at":"9999-12-31T23:59:59-14:00","time_zone":"../../etc/passwd","label":[]}'),
    (JSON, b'{"reason":"other","face_id":"99999999999999999999","group_ids":["1","2"],"keys":{}}'),
    (FORM, b"act=%00&ids=%00&name=%00&email=%00&password=%00&note=%00&reason=other&face_ids=1"),
    (FORM, b"act=save&sure=inf&maybe=nan&ids=%ff&name=%ff&email=%ff&password=%ffaaaaaaaa&back=//x"),
]
PARTS = ["99999999999999999999", "0", "-1", "%00", "%ff", "%0d%0aA:b", "%E2%91%A0", "a" * 3000]
#: What would end the fixture, a session or never.
LEFT_OUT = re.compile(
    r"stream|log-?out|sign-out|password|remove|^DELETE /api/me$|^POST /(account/(erase|key)|k/.*)$"
    r"|^DELETE /api/admin/(events|photos)/{id}$"
)


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> AsyncIterator[ScriptedEvent]:
    """An event with guests and photos, on the scripted engine."""
    async with open_scripted_event(aiohttp_client, settings, database) as opened:
        yield opened


def hostile(fixture: RightsFixture, route: str) -> Iterator[tuple[str, str | None, bytes | None]]:
    """Yield addresses (encoded) and bodies for a route."""
    path = fixture.path(route)
    if route.startswith("GET"):
        yield from ((f"{path}?{query}", None, None) for query in QUERIES)
    else:
        yield from ((f"{path}?event={fixture.names['event_id']}", *body) for body in BODIES)
    if path != (shape := route.partition(" ")[2]):
        pieces = path.split("/")
        for at, piece in enumerate(shape.split("/")):
            if "{" in piece:
                for part in PARTS:
                    yield "/".join([*pieces[:at], part, *pieces[at + 1 :]]), None, None


async def test_nothing_that_is_sent_is_a_mistake_of_ours(builder: ScriptedEvent) -> None:
    fixture, wrong = await fill(builder), []
    here = str(builder.client.make_url("/")).rstrip("/")
    for route, callers in who_may().items():
        if LEFT_OUT.search(route):
            continue
        caller = next(each for each in (ADMIN, GUEST, PHOTOGRAPHER, NOBODY) if each in callers)
        for path, media_type, body in hostile(fixture, route):
            headers = dict(fixture.headers[caller])
            if media_type is not None:
                headers["Content-Type"] = media_type
            answer = await builder.client.session.request(
                route.partition(" ")[0],
                URL(here + path, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
            )
            await answer.read()
            builder.client.session.cookie_jar.clear()
            target = answer.headers.get("Location", "/")
            # mails and the engine may be away: that is said with 503
            if answer.status in (500, 502) or not re.match(r"/(?![/\\])", target):
                wrong.append(f"{route} {path[-80:]} {body!r}: {answer.status} {target}")
    assert not wrong, "\n".join(wrong)
