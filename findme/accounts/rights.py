"""Whom a token names, and their part in an event: in memory while nothing of it can change.

The database announces each change of what is kept here (migrations/0034): to the connection that
makes it, so that this process knows before the change is answered, and to all processes when it is
committed. Any change makes the process forget everything; the next requests read it again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, TypeVar

import asyncpg

from findme import db
from findme.accounts.actor import Actor
from findme.accounts.auth import UPLOAD_PREFIX, digest_of
from findme.accounts.guests import Guest
from findme.cache import USERS, Cache
from findme.db import Connection, Pool, Record
from findme.errors import NotFound
from findme.gallery import events
from findme.models import Event, EventId, GuestId, SelfieState, TokenId, User, UserId

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The channels of migrations/0034: changes of rights, and events (ids) of whose lists guests may
#: see less than before.
CHANNEL, LISTS = "rights", "lists"
#: Seconds after which even what was not announced has an effect.
KEPT_SECONDS = 30.0
#: Seconds that an answer of the listening connection counts: a change in another process takes
#: effect within them, even if the connection hangs and nothing says so.
HEARD_SECONDS = 1.0
#: Seconds between two questions whether that connection still answers.
BEAT_SECONDS = 0.25
#: Seconds without an answer after which it counts as lost.
SILENCE_SECONDS = 10.0
#: Seconds until a lost one is opened again.
RETRY_SECONDS = 1.0


class Rights:
    """Reads who a token names and what part they have in an event, and keeps it."""

    def __init__(self, pool: Pool, cache: Cache) -> None:
        self._pool = pool
        self._changes = db.changes[pool]
        self._changes.listeners.append(cache.users.clear)
        self._cache = cache
        #: Events whose lists other processes have changed.
        self._stale: set[EventId] = set()
        self._kept, self._hits = cache.users, cache.hits[USERS]
        self._heard_until = 0.0
        self._lost = False

    async def identify(self, token: str, *, by_cookie: bool, anew: bool = False) -> Actor | None:
        """Return whose token this is, or None; *anew*: read it, whatever is kept.

        An upload token is not read anew: that writes when it was used, and each upload has one.
        """
        digest, upload = digest_of(token), token.startswith(UPLOAD_PREFIX)
        find = _find_upload_token if upload else _find_user
        key = (digest, by_cookie)
        found: Actor | None = None if anew and not upload else self._find(key)
        if found is not None:
            self._hits.hits += 1
            return found
        self._hits.misses += 1
        return await self.read(key, lambda conn: find(conn, digest, by_cookie))

    async def find_joined(
        self, user_id: UserId, event_id: EventId | None, *, anew: bool = False
    ) -> tuple[Event, Guest]:
        """Return an event (None: the last joined one) and a user's part in it; NotFound."""
        key = (user_id, event_id)
        found: tuple[Event, Guest] | None = None if anew else self._find(key)
        if found is None:
            found = await self.read(key, lambda conn: _find_joined(conn, user_id, event_id))
        if found is None:
            raise NotFound
        return found

    @property
    def certain(self) -> bool:
        """Whether this process would know of any change, so that it believes what it keeps."""
        return not self._changes.writing and time.monotonic() < self._heard_until

    def _find(self, key: Hashable) -> Any:
        return self._kept.get(key) if self.certain else None

    async def read(
        self,
        key: Hashable,
        read: Callable[[Connection], Awaitable[tuple[T | None, float]]],
    ) -> T | None:
        """Read a value and the seconds that it holds; keep it unless something changed meanwhile.

        None is not kept.
        """
        # before it is certain, a change may go unheard while this reads
        seen = self._changes.count if self.certain else None
        async with db.acquire(self._pool) as conn:
            value, seconds = await read(conn)
        if value is not None and self.certain and self._changes.count == seen:
            self._kept.put(key, value, min(seconds, KEPT_SECONDS))
        return value

    async def listen(self) -> None:
        """Hear of changes in other processes until cancelled; nothing is kept while this fails."""
        while True:
            try:
                await self._hear()
            except (asyncpg.PostgresError, TimeoutError, *db.CONNECTION_ERRORS) as error:
                if not self._lost:
                    reason = str(error) or "the database does not answer"
                    log.warning("[Rights] Every request reads its rights: %s", reason)
                self._lost = True
            finally:
                self._forget()
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        conn = await asyncpg.connect(
            self._changes.dsn,
            timeout=SILENCE_SECONDS,
            server_settings={"application_name": "findme rights"},
        )
        try:
            conn.add_termination_listener(lambda _: self._forget())
            await conn.add_listener(CHANNEL, lambda *_: self._changes.add())
            if not self._cache.shared:
                await conn.add_listener(LISTS, lambda *told: self._stale.add(EventId(int(told[3]))))
            while True:
                # the server sends what was announced before the answer to a later question
                asked = time.monotonic()
                pid = await conn.fetchval("select pg_backend_pid()", timeout=SILENCE_SECONDS)
                # a pooler may answer by another connection than the one that listens
                if pid != conn.get_server_pid():
                    raise asyncpg.InterfaceError("a pooler stands between")
                self._heard_until, self._lost = asked + HEARD_SECONDS, False
                while self._stale:
                    await self._cache.forget_event(self._stale.pop())
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            with suppress(TimeoutError, asyncpg.PostgresError, *db.CONNECTION_ERRORS):
                await conn.close(timeout=HEARD_SECONDS)

    def _forget(self) -> None:
        """Forget everything, and keep nothing until the listening connection answers again."""
        self._heard_until = 0.0
        self._changes.add()


async def _find_user(
    conn: Connection, digest: bytes, by_cookie: bool
) -> tuple[Actor | None, float]:
    row = await conn.fetchrow(
        """
        select account.id, name, email, role, language, scheme, letter_keys,
               exists (select from second_factor where account_id = account.id
                          and confirmed_at is not null) as two_factors,
               extract(epoch from expires_at - now())::float8 as seconds
          from session join account on account.id = session.account_id
         where token_hash = $1 and expires_at > now()""",
        digest,
    )
    if row is None:
        return None, 0.0
    actor = Actor(user=User.of(dict(row)), by_cookie=by_cookie, two_factors=row["two_factors"])
    return actor, row["seconds"]


async def _find_upload_token(
    conn: Connection, digest: bytes, _by_cookie: bool
) -> tuple[Actor | None, float]:
    """Return the photographer of an upload token, and note that it was used."""
    row = await conn.fetchrow(
        """
        update upload_token set last_used_at = now() where token_hash = $1
        returning id, event_id""",
        digest,
    )
    if row is None:
        return None, 0.0
    actor = Actor(upload_event_id=EventId(row["event_id"]), upload_token_id=TokenId(row["id"]))
    return actor, KEPT_SECONDS


async def _find_joined(
    conn: Connection, user_id: UserId, event_id: EventId | None
) -> tuple[tuple[Event, Guest] | None, float]:
    row = await conn.fetchrow(
        """
        select event.*, sure, maybe, guest.id as guest_id, account_id, joined_at, admitted_at,
               consent_at is not null and consent_withdrawn_at is null as consented,
               selfie.state as selfie_state, selfie.problem as selfie_problem
          from guest join event on event.id = guest.event_id
               join event_threshold on event_threshold.event_id = event.id
               left join lateral (
                 select state, problem from selfie where guest_id = guest.id
                  order by id desc limit 1) as selfie on true
         where account_id = $1 and ($2::bigint is null or guest.event_id = $2)
         order by guest.id desc limit 1""",
        user_id,
        event_id,
    )
    return (None, 0.0) if row is None else (_joined(row), KEPT_SECONDS)


def _joined(row: Record) -> tuple[Event, Guest]:
    guest = Guest(
        id=GuestId(row["guest_id"]),
        event_id=EventId(row["id"]),
        user_id=UserId(row["account_id"]),
        joined_at=row["joined_at"],
        admitted_at=row["admitted_at"],
        consented=row["consented"],
        selfie_state=None if row["selfie_state"] is None else SelfieState(row["selfie_state"]),
        selfie_problem=row["selfie_problem"],
    )
    return events.event_of(row), guest
