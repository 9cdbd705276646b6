"""The second factor of admins: an authenticator app, and recovery codes for when it is lost.

The database holds the app's secret, from which codes are computed, and digests of the recovery
codes. Each code signs in once.
"""

import base64
import hashlib
import re
import secrets
import time

from findme.accounts import totp
from findme.db import Connection
from findme.errors import Conflict, Forbidden, SignInRequired
from findme.models import UserId

#: Recovery codes of an account, and the random bytes of each: too many to try, even offline.
RECOVERY_CODES, RECOVERY_BYTES = 10, 15


class SecondFactorRequired(SignInRequired):
    """The password is right. Sign in with the code of your authenticator app, too."""

    code = "second_factor_required"

    def __init__(self, user_id: UserId) -> None:
        super().__init__()
        #: Who gave their password.
        self.user_id = user_id


class WrongCode(SignInRequired):
    """This code is not right, or was used before: wait for the next one."""

    code = "wrong_code"


class CodeRefused(Forbidden):
    """This code is not right, or was used before: wait for the next one."""

    code = "wrong_code"


async def is_on(conn: Connection, user_id: UserId) -> bool:
    """Whether signing in to an account takes a code."""
    found: bool = await conn.fetchval(
        """
        select exists (select from second_factor
                        where account_id = $1 and confirmed_at is not null)""",
        user_id,
    )
    return found


async def begin(conn: Connection, user_id: UserId) -> bytes:
    """Return a new secret, which counts once a code of it was seen; Conflict if one counts."""
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    begun = await conn.fetchval(
        """
        insert into second_factor (account_id, secret) values ($1, $2)
        on conflict (account_id) do update set secret = excluded.secret
         where second_factor.confirmed_at is null
        returning account_id""",
        user_id,
        secret,
    )
    if begun is None:
        raise Conflict("This account has a second factor: switch it off first.")
    return secret


async def confirm(conn: Connection, user_id: UserId, code: str) -> list[str] | None:
    """Make the begun secret count; return the recovery codes, None if the code is wrong.

    Conflict if none was begun.
    """
    secret = await conn.fetchval(
        """
        select secret from second_factor where account_id = $1 and confirmed_at is null
           for update""",
        user_id,
    )
    if secret is None:
        raise Conflict("No second factor is being set up: begin anew.")
    step = totp.find_step(secret, _plain(code), time.time())
    if step is None:
        return None
    await conn.execute(
        "update second_factor set confirmed_at = now(), last_step = $2 where account_id = $1",
        user_id,
        step,
    )
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    await conn.executemany(
        "insert into recovery_code (account_id, digest) values ($1, $2)",
        [(user_id, _digest(_plain(text))) for text in codes],
    )
    return codes


async def use(conn: Connection, user_id: UserId, code: str) -> str | None:
    """Use a code up; return what it was, `code` or `recovery_code`, or None if it is wrong."""
    code = _plain(code)
    secret = await conn.fetchval(
        "select secret from second_factor where account_id = $1 and confirmed_at is not null",
        user_id,
    )
    if secret is None:
        return None
    step = totp.find_step(secret, code, time.time())
    if step is not None:
        # of two requests with one code, the second finds it used
        used = await conn.fetchval(
            """
            update second_factor set last_step = $2 where account_id = $1 and last_step < $2
            returning account_id""",
            user_id,
            step,
        )
        return None if used is None else "code"
    used = await conn.fetchval(
        "delete from recovery_code where account_id = $1 and digest = $2 returning account_id",
        user_id,
        _digest(code),
    )
    return None if used is None else "recovery_code"


async def count_recovery_codes(conn: Connection, user_id: UserId) -> int:
    """Return the number of recovery codes that are left."""
    left: int = await conn.fetchval(
        "select count(*) from recovery_code where account_id = $1", user_id
    )
    return left


async def remove(conn: Connection, user_id: UserId) -> bool:
    """Take the second factor and its recovery codes away; False if there was none that counted."""
    confirmed = await conn.fetchval(
        "delete from second_factor where account_id = $1 returning confirmed_at", user_id
    )
    return confirmed is not None


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _plain(code: str) -> str:
    """Return a code as it is compared: people type blanks, hyphens and small letters."""
    return re.sub(r"[^0-9A-Z]", "", code.upper())[:64]


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
