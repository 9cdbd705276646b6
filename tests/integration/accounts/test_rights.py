"""What is kept of sessions, guests and events: believed while it holds, and not a moment longer."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from findme import db
from findme.accounts import auth
from findme.accounts.rights import Rights
from findme.errors import NotFound
from findme.models import EventId, UserId
from findme.web.keys import RIGHTS
from tests.conftest import App
from tests.support.helpers import Member, add_match, add_photos, make_event, make_token, member
from tests.support.no_engine_app import app, settings
from tests.support.second_process import rights_of, until

__all__ = ["app", "settings"]

HERE = pytest.mark.skipif(
    "TEST_DATABASE_URL" in os.environ, reason="the server's processes may be on another machine"
)


@dataclass
class Visitor:
    """A guest of an event, whose rights the application keeps."""

    app: App
    event: EventId
    guest: Member
    rights: Rights

    @property
    def token(self) -> str:
        return self.guest.headers["Authorization"].removeprefix("Bearer ")

    async def keep(self) -> None:
        """Have both records kept, which a machine that is too busy to listen refuses at first."""
        kept = self.app.resources.cache.users

        async def both() -> bool:
            assert await self.rights.identify(self.token, by_cookie=False) is not None
            await self.rights.find_joined(self.guest.user_id, self.event)
            return len(kept) >= 2

        await until(both)

    async def list_status(self) -> int:
        answer = await self.app.client.get(
            "/api/all-photos", params={"event": str(self.event)}, headers=self.guest.headers
        )
        return answer.status

    async def write(self, statement: str, *values: object) -> None:
        """Change rows as a use case does."""
        async with db.acquire(self.app.resources.pool) as conn:
            await conn.execute(statement, *values)


@pytest.fixture
async def visitor(app: App) -> Visitor:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    async with db.transaction(app.resources.pool) as conn:
        await add_photos(conn, event, 3)
    assert app.client.app is not None
    rights = await rights_of(app.client.app)
    return Visitor(app, EventId(int(event["id"])), guest, rights)


@pytest.fixture
async def elsewhere(database: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection of another process."""
    conn = await asyncpg.connect(database)
    yield conn
    await conn.close()


async def overhear(pool: db.Pool) -> list[object]:
    """Return a list to which every query of the application is added from now on."""
    heard: list[object] = []
    conns = [await pool.acquire() for _ in range(pool.get_max_size())]
    for conn in conns:
        conn.add_query_logger(heard.append)
        await pool.release(conn)
    return heard


@pytest.mark.parametrize(
    "path", ["all-photos", "my-photos", "my-photos?shelf=maybe", "my-photos?shelf=favourites"]
)
async def test_a_list_that_is_not_kept_takes_one_statement(visitor: Visitor, path: str) -> None:
    """Two if it is empty, which is soon done."""
    async with db.transaction(visitor.app.resources.pool) as conn:
        (photo_id,) = await add_photos(conn, {"id": str(visitor.event)}, 1, prefix="mine")
        await add_match(conn, visitor.guest.guest_id, photo_id, 85 if "maybe" in path else 95)
        await conn.execute(
            "insert into favourite values ($1, $2)", visitor.guest.guest_id, photo_id
        )
    await until(lambda: visitor.rights.certain)
    heard = await overhear(visitor.app.resources.pool)
    numbers = []
    for _ in range(3):
        await visitor.app.resources.cache.forget_event(visitor.event)
        await visitor.keep()
        before = len(heard)
        answer = await visitor.app.client.get(f"/api/{path}", headers=visitor.guest.headers)
        assert answer.headers["X-Total-Count"] == ("4" if path == "all-photos" else "1")
        numbers.append(len(heard) - before)

    assert min(numbers) == 1, numbers


async def test_a_list_that_is_kept_takes_no_statement(visitor: Visitor) -> None:
    heard = await overhear(visitor.app.resources.pool)
    assert await visitor.list_status() == 200
    numbers = [len(heard)]
    for _ in range(5):
        await visitor.keep()
        before = len(heard)
        assert await visitor.list_status() == 200
        numbers.append(len(heard) - before)

    assert numbers[0] > 0
    assert min(numbers) == 0, numbers


async def test_a_change_has_an_effect_before_it_is_answered(visitor: Visitor) -> None:
    await visitor.keep()
    await visitor.write("update event set gallery = 'own'")
    assert await visitor.list_status() == 403
    await visitor.write("update event set gallery = 'everyone'")
    assert await visitor.list_status() == 200
    await visitor.write("delete from guest")
    assert await visitor.list_status() == 404
    await visitor.write("delete from session where account_id = $1", visitor.guest.user_id)
    assert await visitor.list_status() == 401


async def test_nothing_is_believed_while_a_transaction_that_changes_rights_is_open(
    visitor: Visitor,
) -> None:
    await visitor.keep()
    async with db.transaction(visitor.app.resources.pool) as conn:
        await conn.execute("update event set gallery = 'own'")
        assert not visitor.rights.certain
        assert await visitor.list_status() == 200
    assert await visitor.list_status() == 403


async def test_what_was_read_before_a_commit_is_not_kept_after_it(visitor: Visitor) -> None:
    """The reader's snapshot is older than the commit, and its answer arrives after it."""
    pool = visitor.app.resources.pool
    async with db.acquire(pool) as conn:
        reading = conn.transaction(isolation="repeatable_read")
        await reading.start()
        await conn.fetchval("select count(*) from event")
        seen = asyncio.Event()

        async def read(_conn: object) -> tuple[str, float]:
            await visitor.write("update event set name = 'Later'")
            seen.set()
            return str(await conn.fetchval("select name from event")), 30.0

        await visitor.rights.read("name", read)
        await reading.rollback()
    assert seen.is_set()
    assert visitor.app.resources.cache.users.get("name") is None


async def test_an_interrupted_statement_counts_as_a_change(visitor: Visitor) -> None:
    """Nobody reads any more what the server says of it."""
    changes = db.changes[visitor.app.resources.pool]
    asleep = asyncio.create_task(visitor.write("select pg_sleep(60)"))
    await asyncio.sleep(0.05)
    before = changes.count
    asleep.cancel()
    await asyncio.wait([asleep])
    assert changes.count > before


async def test_an_interrupted_change_is_not_missed(visitor: Visitor) -> None:
    """A writer is cancelled at any step, also between its commit and the answer to it."""
    pool, chance = visitor.app.resources.pool, random.Random(7)
    for _ in range(40):
        async with db.transaction(pool) as conn:
            session = await auth.open_session(conn, visitor.guest.user_id)
        assert await visitor.rights.identify(session.token, by_cookie=False) is not None
        ending = asyncio.create_task(auth.close_session(pool, session.token))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        ending.cancel()
        await asyncio.wait([ending])

        kept = await visitor.rights.identify(session.token, by_cookie=False)
        assert kept == await visitor.rights.identify(session.token, by_cookie=False, anew=True)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from session",
        "update account set name = 'Another'",
        "update account set role = 'admin'",
        "update guest set admitted_at = null",
        "update guest set consent_withdrawn_at = now()",
        "delete from guest",
        "insert into selfie (guest_id, state, problem) select id, 'refused', 'no_face' from guest",
        "update event set browse = not browse, gallery = 'own'",
        "update event set match_threshold = 99",
        "update default_threshold set sure = 91",
        """
        insert into second_factor (account_id, secret, confirmed_at)
        select id, decode(repeat('00', 20), 'hex'), now() from account""",
        "delete from event",
        "delete from account",
        "truncate event cascade",
    ],
)
async def test_a_change_elsewhere_is_heard(
    visitor: Visitor, elsewhere: "asyncpg.Connection[asyncpg.Record]", statement: str
) -> None:
    async def records(*, anew: bool) -> object:
        actor = await visitor.rights.identify(visitor.token, by_cookie=False, anew=anew)
        try:
            joined = await visitor.rights.find_joined(
                visitor.guest.user_id, visitor.event, anew=anew
            )
        except NotFound:
            return actor, None
        return actor, joined

    await visitor.keep()
    before = await records(anew=False)
    await elsewhere.execute(statement)

    async def follows() -> bool:
        return await records(anew=False) == await records(anew=True)

    await until(follows)
    assert await records(anew=True) != before


async def test_counters_that_move_with_each_photo_change_no_rights(visitor: Visitor) -> None:
    await visitor.keep()
    changes = db.changes[visitor.app.resources.pool]
    before = changes.count
    await visitor.write("update event set last_face = last_face + 1")
    await visitor.write("update event set last_reference = last_reference + 1, warned_of = now()")
    await visitor.write("update selfie set claimed_until = now()")
    await visitor.write("update guest set notified_at = now(), notify_mail = true")
    await visitor.write("update upload_token set last_used_at = now()")
    await visitor.write("update account set email_proven_at = now(), idle_since = now()")
    assert changes.count == before
    assert len(visitor.app.resources.cache.users) == 2


async def test_a_session_ends_at_its_time_though_nothing_is_written(visitor: Visitor) -> None:
    await visitor.write("update session set expires_at = now() + interval '300 ms'")
    await until(lambda: visitor.rights.certain)
    assert await visitor.rights.identify(visitor.token, by_cookie=False) is not None

    async def ended() -> bool:
        return await visitor.rights.identify(visitor.token, by_cookie=False) is None

    await until(ended)
    assert await visitor.list_status() == 401


async def test_an_event_closes_for_a_guest_whose_record_is_kept(visitor: Visitor) -> None:
    """What depends on the time is decided at each request, from the times in the record."""
    await visitor.write("update event set closes_at = now() + interval '200 ms'")
    await until(lambda: visitor.rights.certain)

    async def closed() -> bool:
        event, _ = await visitor.rights.find_joined(visitor.guest.user_id, visitor.event)
        answer = await visitor.app.client.get(
            f"/e/{event.code}", headers={**visitor.guest.headers, "Accept": "text/html"}
        )
        return "closed" in (await answer.text()).lower()

    await until(closed)


async def test_nothing_is_kept_while_the_listening_connection_is_lost(
    visitor: Visitor, elsewhere: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await visitor.keep()
    await elsewhere.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'findme rights' and datname = current_database()"
    )
    await until(lambda: not visitor.rights.certain)
    assert len(visitor.app.resources.cache.users) == 0
    assert await visitor.list_status() == 200
    assert len(visitor.app.resources.cache.users) == 0

    await elsewhere.execute("update event set gallery = 'own'")
    assert await visitor.list_status() == 403

    await until(lambda: visitor.rights.certain)
    await visitor.keep()


@asynccontextmanager
async def stopped_listener(
    elsewhere: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator[None]:
    """Stop the server's end of the listening connection: nothing is announced, nothing breaks."""
    pid = await elsewhere.fetchval(
        "select pid from pg_stat_activity"
        " where application_name = 'findme rights' and datname = current_database()"
    )
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@HERE
async def test_this_process_needs_no_announcement(
    visitor: Visitor, elsewhere: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await visitor.keep()
    async with stopped_listener(elsewhere):
        await visitor.write("update event set gallery = 'own'")
        assert await visitor.list_status() == 403


@HERE
async def test_a_connection_that_hangs_counts_as_lost(
    visitor: Visitor, elsewhere: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Nothing says that it is gone: only its answers stay away."""
    await visitor.keep()
    async with stopped_listener(elsewhere):
        await elsewhere.execute("update event set gallery = 'own'")

        async def closed() -> bool:
            return await visitor.list_status() == 403

        await until(closed)
        assert not visitor.rights.certain
    await until(lambda: visitor.rights.certain)


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("update photo set review = 'hidden' where id = (select min(id) from photo)", 2),
        ("delete from photo where id = (select min(id) from photo)", 2),
        ("update photo set ready_at = null", 0),
    ],
)
async def test_what_is_hidden_elsewhere_leaves_a_cached_list(
    visitor: Visitor,
    elsewhere: "asyncpg.Connection[asyncpg.Record]",
    statement: str,
    left: int,
) -> None:
    async def count() -> int:
        answer = await visitor.app.client.get("/api/all-photos", headers=visitor.guest.headers)
        return len(await answer.json())

    assert await count() == 3
    await elsewhere.execute("update photo set faces = 2")
    assert await count() == 3
    await elsewhere.execute(statement)

    async def gone() -> bool:
        return await count() == left

    await until(gone)


async def test_an_option_that_changes_elsewhere_changes_cached_lists(
    visitor: Visitor, elsewhere: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def downloads() -> bool:
        answer = await visitor.app.client.get("/api/all-photos", headers=visitor.guest.headers)
        return any(photo["original_url"] for photo in await answer.json())

    assert await downloads()
    await elsewhere.execute("update event set downloads = false")

    async def off() -> bool:
        return not await downloads()

    await until(off)


async def test_nothing_kept_outlives_an_erasure(visitor: Visitor) -> None:
    await visitor.keep()
    kept = visitor.app.resources.cache.users
    assert "ada@example.org" in repr(kept.values)
    answer = await visitor.app.client.delete("/api/me", headers=visitor.guest.headers)
    assert answer.status == 204
    assert "ada@example.org" not in repr(kept.values)


async def test_a_request_that_changes_something_reads_its_rights(visitor: Visitor) -> None:
    """A session that ended in another process, before this one has heard of it."""
    await visitor.keep()
    kept = visitor.app.resources.cache.users
    values = dict(kept.values)
    await visitor.write("delete from session where account_id = $1", visitor.guest.user_id)

    async def believed() -> bool:
        kept.values.update(values)
        return await visitor.list_status() == 200

    await until(believed)  # by what only reads
    kept.values.update(values)
    answer = await visitor.app.client.patch(
        "/api/me", json={"name": "Mallory"}, headers=visitor.guest.headers
    )
    assert answer.status == 401


async def test_an_upload_token_is_kept_and_revoked_at_once(visitor: Visitor) -> None:
    headers = await make_token(visitor.app, {"id": str(visitor.event)})
    token = headers["Authorization"].removeprefix("Bearer ")
    kept = visitor.app.resources.cache.users
    before = len(kept)

    async def found() -> bool:
        actor = await visitor.rights.identify(token, by_cookie=False)
        assert actor is not None
        assert actor.upload_event_id == visitor.event
        return len(kept) > before

    await until(found)
    await visitor.write("delete from upload_token")
    assert await visitor.rights.identify(token, by_cookie=False) is None


async def test_a_process_that_does_not_listen_keeps_nothing(visitor: Visitor) -> None:
    cache = visitor.app.resources.cache
    deaf = Rights(visitor.app.resources.pool, cache)
    before = len(cache.users)
    assert await deaf.identify(visitor.token, by_cookie=False) is not None
    assert not deaf.certain
    assert len(cache.users) == before


async def test_the_last_joined_event_follows_a_join(visitor: Visitor) -> None:
    other = await make_event(visitor.app, "Later")
    user_id = UserId(visitor.guest.user_id)
    assert (await visitor.rights.find_joined(user_id, None))[0].id == visitor.event
    await visitor.write(
        "insert into guest (event_id, account_id) values ($1, $2)", int(other["id"]), user_id
    )
    assert (await visitor.rights.find_joined(user_id, None))[0].id == int(other["id"])
    assert visitor.app.client.app is not None
    assert visitor.app.client.app[RIGHTS] is visitor.rights


@asynccontextmanager
async def pooler(database: str) -> AsyncIterator[str]:
    """A way to a database on which the server's processes have other numbers, as PgBouncer's do."""
    where = urlsplit(database)
    folder = parse_qs(where.query)["host"][0]
    port = parse_qs(where.query).get("port", ["5432"])[0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        await asyncio.gather(_pass(reader, up_writer), _pass(up_reader, writer, renumber=True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    try:
        yield f"postgresql://{where.username}@{address[0]}:{address[1]}{where.path}"
    finally:
        server.close()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, renumber: bool = False
) -> None:
    """Pass on what comes; the first message BackendKeyData gets another process number."""
    while data := await reader.read(65536):
        at = data.find(b"K\x00\x00\x00\x0c") if renumber else -1
        if at >= 0:
            data, renumber = data[: at + 5] + b"\x00\x00\x00\x01" + data[at + 9 :], False
        writer.write(data)
        await writer.drain()
    writer.close()


@HERE
async def test_behind_a_pooler_nothing_is_kept(
    app: App, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pooler(database) as dsn, db.open_pool(dsn, min_size=1, max_size=2) as pool:
        rights = Rights(pool, app.resources.cache)
        listening = asyncio.create_task(rights.listen())
        await until(lambda: "reads its rights: a pooler stands between" in caplog.text)
        assert not rights.certain
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
