"""Signing in by password, and how guessing is held back without locking anybody out.

Failures are counted for the pair of account and address first: after ten in a minute, none is
looked at. The wider counts, of an account from anywhere and of an address with any account, only
make strangers wait for their turn. A browser that has signed in to the account before has a count
of its own: others' guesses neither refuse nor delay it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from findme import db
from findme.accounts import auth, known_browsers, second_factor, sign_in_ticket
from findme.accounts.second_factor import SecondFactorRequired, WrongCode
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import SignInRequired, TooManyAttempts, WrongCredentials
from findme.models import Role, User
from findme.privacy import audit_log

#: Failed sign-ins a minute, for a pair of account and address and for a known browser.
MAX_FAILURES, FAILURE_SECONDS = 10, 60
#: Wrong codes of an account's second factor in so many seconds, in all: of a million codes three
#: are right at any time.
MAX_CODES, CODE_SECONDS = 10, 900
#: What counts as a guess.
FAILURES = (WrongCredentials, WrongCode)
#: Seconds that each failure beyond as many makes strangers wait, and the longest wait.
STEP, LONGEST = 0.25, 5.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt to sign in comes from."""

    #: The address, or its network, under which attempts are counted.
    address: str
    #: The token of the browser's cookie (see `known_browsers`); empty if it has none.
    browser: str = ""


@dataclass(frozen=True, slots=True)
class _Proof:
    """Who somebody is, and what proved it."""

    user: User
    by: str


@dataclass(slots=True)
class _Lane:
    """The turns of one account, or of one address."""

    turns: asyncio.Semaphore
    taken: int = 0


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Turns by key: *wide* at a time, and *most* attempts that have one or wait for one."""

    wide: int
    most: int
    _lanes: dict[str, _Lane] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, key: str, seconds: float) -> AsyncIterator[None]:
        """Wait for a turn, which lasts *seconds* or longer; TooManyAttempts if too many wait."""
        lane = self._lanes.setdefault(key, _Lane(asyncio.Semaphore(self.wide)))
        if lane.taken >= self.most:
            raise TooManyAttempts
        lane.taken += 1
        try:
            async with lane.turns:
                await asyncio.sleep(seconds)
                yield
        finally:
            lane.taken -= 1
            if not lane.taken:
                del self._lanes[key]


#: In each process: at most 12 guesses a minute at an account, and 120 from an address, are looked
#: at while an attack goes on, however many connections and addresses it has.
_by_account, _by_address = _Lanes(wide=1, most=5), _Lanes(wide=10, most=50)


def wait_after(failures: int) -> float:
    """Return the seconds that a stranger waits after so many failures of a minute."""
    return min(LONGEST, STEP * max(0, failures - MAX_FAILURES))


async def sign_in(
    pool: Pool, cache: Cache, email: str, password: str, origin: Origin, code: str = ""
) -> User:
    """Return the user; WrongCredentials, TooManyAttempts.

    For an account with a second factor: SecondFactorRequired without a *code*, WrongCode.
    """
    # a longer address belongs to nobody, and would be stored with the attempts
    email = email.strip().lower()[: auth.MAX_EMAIL]

    async def prove() -> _Proof:
        found = await _verify(pool, email, password)
        if found is None:
            raise WrongCredentials
        return _Proof(found, await _check_code(pool, cache, found, code))

    return await _counted(pool, cache, email, origin, prove)


async def finish(pool: Pool, cache: Cache, ticket: str, code: str, origin: Origin) -> User:
    """Return the user whose password was right just now; SignInRequired if that is too long ago.

    WrongCode, TooManyAttempts: attempts count as those of `sign_in`.
    """
    async with db.acquire(pool) as conn:
        user = await sign_in_ticket.read(conn, ticket)

    async def prove() -> _Proof:
        return _Proof(user, await _check_code(pool, cache, user, code))

    return await _counted(pool, cache, user.email or "", origin, prove)


async def _counted(
    pool: Pool, cache: Cache, email: str, origin: Origin, prove: Callable[[], Awaitable[_Proof]]
) -> User:
    """Have somebody prove who they are, and count failures; see the module."""
    async with db.acquire(pool) as conn:
        known = await known_browsers.knows(conn, email, origin.browser)
    pair = f"{origin.browser if known else origin.address} {email}"
    # counted before the password is checked: parallel guesses must not all pass
    if await cache.count_attempt(f"pair:{pair}", seconds=FAILURE_SECONDS) > MAX_FAILURES:
        raise TooManyAttempts
    try:
        if known:
            proof = await prove()
        else:
            proof = await _prove_as_stranger(cache, email, origin.address, prove)
    except FAILURES as failure:
        await _note_failure(pool, email, failure)
        raise
    except SecondFactorRequired:
        await cache.take_back_attempt(f"pair:{pair}")
        raise
    await cache.take_back_attempt(f"pair:{pair}")
    async with db.acquire(pool) as conn:
        await note_entry(conn, proof.user, by=proof.by)
    return proof.user


async def note_entry(conn: Connection, user: User, *, by: str) -> None:
    """Record that somebody signed in, *by* password, code or link; guests are not named."""
    actor = user.id if user.role is Role.ADMIN else None
    await audit_log.note(
        conn, actor, "account.signed_in", detail={"role": str(user.role), "by": by}
    )


async def _note_failure(pool: Pool, email: str, failure: SignInRequired) -> None:
    """Record that somebody did not sign in, how far they came, and at which admin's account."""
    async with db.acquire(pool) as conn:
        found = await auth.find_account(conn, email)
        admins = [found[0].id] if found and found[0].role is Role.ADMIN else []
        role = str(found[0].role) if found else "nobody"
        detail = {"role": role}
        if isinstance(failure, WrongCode):
            detail["failed"] = "code"
        await audit_log.note(conn, None, "account.sign_in_failed", subjects=admins, detail=detail)


async def _prove_as_stranger(
    cache: Cache, email: str, address: str, prove: Callable[[], Awaitable[_Proof]]
) -> _Proof:
    """Have a stranger prove who they are after the waits that the failures of a minute ask for."""
    account, origin = f"account:{email}", f"address:{address}"
    counted = await cache.count_attempt(account, seconds=FAILURE_SECONDS)
    account_wait = wait_after(counted - 1)
    # counted after the check: guests who sign in at the same moment must not wait for each other
    address_wait = wait_after(await cache.attempts(origin))
    async with AsyncExitStack() as stack:
        if account_wait:
            await stack.enter_async_context(_by_account.turn(email, account_wait))
        if address_wait:
            await stack.enter_async_context(_by_address.turn(address, address_wait))
        try:
            proof = await prove()
        except FAILURES:
            await cache.count_attempt(origin, seconds=FAILURE_SECONDS)
            raise
        except SecondFactorRequired:
            await cache.take_back_attempt(account)
            raise
    await cache.take_back_attempt(account)
    return proof


async def _check_code(pool: Pool, cache: Cache, user: User, code: str) -> str:
    """Return what opened an account, once its password was right: SecondFactorRequired, WrongCode.

    TooManyAttempts after too many wrong codes, from wherever: they are the guesses of somebody who
    knows the password.
    """
    async with db.acquire(pool) as conn:
        if not await second_factor.is_on(conn, user.id):
            return "password"
    if not code.strip():
        raise SecondFactorRequired(user.id)
    used = await use_code(pool, cache, user, code)
    if used is None:
        raise WrongCode
    return used


async def use_code(pool: Pool, cache: Cache, user: User, code: str) -> str | None:
    """Use a code of an account up, as `second_factor.use`; TooManyAttempts."""
    counted = f"code:{user.id}"
    if await cache.count_attempt(counted, seconds=CODE_SECONDS) > MAX_CODES:
        raise TooManyAttempts
    async with db.acquire(pool) as conn:
        used = await second_factor.use(conn, user.id, code)
    if used is not None:
        await cache.take_back_attempt(counted)
    return used


async def _verify(pool: Pool, email: str, password: str) -> User | None:
    async with db.acquire(pool) as conn:
        found = await auth.find_account(conn, email)
    password_hash = found[1] if found else auth.NOBODY_HASH
    valid = await auth.verify_password(password_hash, password[: auth.MAX_PASSWORD])
    return found[0] if found and valid else None


async def confirm_password(pool: Pool, cache: Cache, user: User, password: str) -> None:
    """Check the password of somebody who is signed in; WrongCredentials, TooManyAttempts.

    Their own failures alone are counted.
    """
    counted = f"confirm:{user.id}"
    if await cache.count_attempt(counted, seconds=FAILURE_SECONDS) > MAX_FAILURES:
        raise TooManyAttempts
    if user.email is None or await _verify(pool, user.email, password) is None:
        failure = WrongCredentials()
        await _note_failure(pool, user.email or "", failure)
        raise failure
    await cache.take_back_attempt(counted)
