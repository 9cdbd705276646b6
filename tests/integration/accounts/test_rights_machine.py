"""What two processes keep of rights is what the database says, in whatever order rights change."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from findme import db
from findme.accounts import auth
from findme.accounts.rights import Rights
from findme.cache import USERS
from findme.errors import NotFound
from findme.models import EventId, UserId
from findme.settings import Settings
from findme.web.keys import CACHE
from tests.conftest import App, application
from tests.support.described import clients_of
from tests.support.helpers import Member, bearer, make_event, member
from tests.support.no_engine_app import NO_ENGINE
from tests.support.second_process import rights_of, second_process, until

T = TypeVar("T")

EVENTS, PEOPLE = 2, 3
WHO = st.integers(0, PEOPLE - 1)
WHERE = st.integers(0, EVENTS - 1)
#: The process that does something.
PROCESS = st.integers(0, 1)
#: What an organiser may set.
OPTIONS = st.sampled_from(
    [
        {"gallery": "own"},
        {"gallery": "everyone"},
        {"browse": True},
        {"browse": False},
        {"match_threshold": 95.0, "maybe_threshold": 85.0},
        {"downloads": False},
        {"closes_at": "2020-01-01T00:00:00Z"},
        {"admission": "approval"},
        {"name": "Renamed"},
    ]
)
#: What other programs, such as psql, may do.
STATEMENTS = st.sampled_from(
    [
        "update session set expires_at = now()",
        "update guest set admitted_at = null",
        "update guest set admitted_at = now()",
        "update guest set consent_withdrawn_at = now()",
        "update event set gallery = 'own' where gallery = 'everyone'",
        "update default_threshold set sure = 97",
        "update account set name = upper(name)",
        "insert into selfie (guest_id, state) select id, 'refused' from guest limit 1",
        "update selfie set state = 'accepted'",
        "delete from guest",
    ]
)


class Opened:
    """Two processes on one database, on an event loop of their own, for all examples."""

    def __init__(self, settings: Settings, database: str) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.app: App
        self.clients: tuple[Any, Any]
        self.rights: tuple[Rights, Rights]
        self.elsewhere: asyncpg.Connection[asyncpg.Record]
        self.run(self._open(settings, database))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _open(self, settings: Settings, database: str) -> None:
        self.app = await self._stack.enter_async_context(
            application(
                clients_of(self._stack),  # type: ignore[arg-type]  # a fixture of the same call
                settings,
                database,
                endpoint_url=NO_ENGINE,
            )
        )
        other = await self._stack.enter_async_context(second_process(self.app, database))
        self.clients = (self.app.client, other)
        first, second = self.app.client.app, other.app
        assert first is not None
        assert second is not None
        self.rights = (await rights_of(first), await rights_of(second))
        self.elsewhere = await asyncpg.connect(database)
        self._stack.push_async_callback(self.elsewhere.close)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()


class Doors(RuleBasedStateMachine):
    """Events and people are known by their numbers, sessions by their tokens."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self.opened, self.run = opened, opened.run
        self.pool = opened.app.resources.pool
        self.events: list[dict[str, Any]] = []
        self.people: list[Member] = []
        self.tokens: list[str] = []

    @initialize()
    def fill(self) -> None:
        self.run(self._fill())
        self.run(self._compare(None))

    async def _fill(self) -> None:
        async with db.transaction(self.pool) as conn:
            await conn.execute("delete from event")
            await conn.execute("delete from account where role = 'guest'")
        self.events = [await make_event(self.opened.app) for _ in range(EVENTS)]
        self.people = [
            await member(self.pool, self.events[0], f"{number}@example.org")
            for number in range(PEOPLE)
        ]
        self.tokens = [self._token_of(each.headers) for each in self.people]

    @staticmethod
    def _token_of(headers: dict[str, str]) -> str:
        return headers["Authorization"].removeprefix("Bearer ")

    async def _records(self, rights: Rights, *, anew: bool) -> list[object]:
        """Return what a process believes of everybody, or reads."""
        found: list[object] = [
            await rights.identify(token, by_cookie=False, anew=anew) for token in self.tokens
        ]
        for person in self.people:
            for event_id in (None, *(EventId(int(event["id"])) for event in self.events)):
                try:
                    found.append(
                        await rights.find_joined(UserId(person.user_id), event_id, anew=anew)
                    )
                except NotFound:
                    found.append(None)
        return found

    async def _compare(self, acting: int | None) -> None:
        """The process that acted knows at once, and the others soon."""
        kept = None
        if acting is not None:
            kept = await self._records(self.opened.rights[acting], anew=False)
        true = await self._records(self.opened.rights[0], anew=True)
        assert kept in (None, true)
        for rights in self.opened.rights:

            async def follows(rights: Rights = rights) -> bool:
                return rights.certain and await self._records(rights, anew=False) == true

            await until(follows)

    async def _while_others_read(self, acting: int | None, work: Coroutine[Any, Any, T]) -> T:
        """Do it while both processes read and keep, then compare."""
        done = asyncio.Event()

        async def read(rights: Rights) -> None:
            while not done.is_set():
                await self._records(rights, anew=False)
                await asyncio.sleep(0)

        readers = [asyncio.create_task(read(rights)) for rights in self.opened.rights]
        try:
            return await work
        finally:
            # at once, before the readers have another turn
            try:
                await self._compare(acting)
            finally:
                done.set()
                await asyncio.gather(*readers)

    def _ask(
        self,
        process: int,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> int:
        async def ask() -> int:
            client = self.opened.clients[process]
            answer = await client.request(method, path, headers=headers, json=body)
            client.session.cookie_jar.clear()
            status: int = answer.status
            return status

        return self.run(self._while_others_read(process, ask()))

    @rule(process=PROCESS, where=WHERE, options=OPTIONS)
    def set_options(self, process: int, where: int, options: dict[str, Any]) -> None:
        path = f"/api/admin/events/{self.events[where]['id']}"
        assert self._ask(process, "PATCH", path, self.opened.app.admin, options) in (200, 404)

    @rule(process=PROCESS, who=WHO, where=WHERE)
    def remove(self, process: int, who: int, where: int) -> None:
        guest = self.people[who].guest_id
        path = f"/api/admin/events/{self.events[where]['id']}/guests/{guest}"
        assert self._ask(process, "DELETE", path, self.opened.app.admin) in (204, 404)

    @rule(process=PROCESS, who=WHO, where=WHERE)
    def browse(self, process: int, who: int, where: int) -> None:
        """Join without a selfie."""
        path = f"/api/events/{self.events[where]['code']}/browse"
        self._ask(process, "POST", path, self.people[who].headers, {})

    @rule(process=PROCESS, who=WHO, where=WHERE, what=st.sampled_from(["", "/consent"]))
    def leave(self, process: int, who: int, where: int, what: str) -> None:
        path = f"/api/me/events/{self.events[where]['id']}{what}"
        self._ask(process, "DELETE", path, self.people[who].headers)

    @rule(process=PROCESS, who=WHO)
    def rename(self, process: int, who: int) -> None:
        self._ask(process, "PATCH", "/api/me", self.people[who].headers, {"name": "Zoé"})

    @rule(process=PROCESS, who=WHO, everywhere=st.booleans())
    def sign_out(self, process: int, who: int, everywhere: bool) -> None:
        path = "/api/auth/logout-everywhere" if everywhere else "/api/auth/logout"
        self._ask(process, "POST", path, self.people[who].headers)

    @rule(who=WHO)
    def sign_in(self, who: int) -> None:
        """Open another session, if the account still exists."""

        async def sign_in() -> None:
            async with db.transaction(self.pool) as conn:
                if await auth.find_role(conn, self.people[who].user_id) is None:
                    return
                session = await auth.open_session(conn, self.people[who].user_id)
            self.tokens.append(session.token)
            self.people[who] = Member(
                self.people[who].user_id, self.people[who].guest_id, bearer(session.token)
            )

        self.run(self._while_others_read(0, sign_in()))

    @rule(process=PROCESS, who=WHO)
    def erase(self, process: int, who: int) -> None:
        self._ask(process, "DELETE", "/api/me", self.people[who].headers)

    @rule(process=PROCESS, where=WHERE)
    @precondition(lambda self: len(self.tokens) > PEOPLE)
    def delete_event(self, process: int, where: int) -> None:
        path = f"/api/admin/events/{self.events[where]['id']}"
        assert self._ask(process, "DELETE", path, self.opened.app.admin) in (204, 404)

    @rule(statement=STATEMENTS)
    def change_elsewhere(self, statement: str) -> None:
        if "session" in statement:
            statement += f" where account_id = {self.people[0].user_id}"
        self.run(self._while_others_read(None, self.opened.elsewhere.execute(statement)))


@pytest.fixture
def opened(settings: Settings, database: str) -> Iterator[Opened]:
    made = Opened(settings, database)
    yield made
    made.close()


def test_in_any_order_what_is_kept_is_what_would_be_read(opened: Opened) -> None:
    run_state_machine_as_test(
        lambda: Doors(opened),  # type: ignore[arg-type]  # any factory will do
        settings=examples(
            max_examples=examples().max_examples // 10,
            stateful_step_count=15,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    # it was kept, or all of this says nothing
    for client in opened.clients:
        assert client.app[CACHE].hits[USERS].hits > 100
