"""Browsers that have signed in to an account before: a cookie tells them from strangers.

The cookie signs nobody in. It only lets the right password pass while others guess at it.
"""

import hashlib
import re
import secrets
from datetime import timedelta

from findme import db
from findme.db import Connection, Pool
from findme.models import UserId

#: Age since its last sign-in at which a browser is forgotten; browsers keep no cookie longer.
KEPT = timedelta(days=400)
#: Browsers of one account; the one that was used longest ago is forgotten first.
MOST = 20

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


async def remember(conn: Connection, user_id: UserId, token: str = "") -> str:
    """Note that a browser signed in; return its token, a new one if it has none yet."""
    if not _TOKEN.fullmatch(token):
        token = secrets.token_urlsafe(32)
    await conn.execute(
        """
        insert into known_browser (account_id, token_hash) values ($1, $2)
        on conflict (account_id, token_hash) do update set last_used_at = now()""",
        user_id,
        digest(token),
    )
    await conn.execute(
        """
        delete from known_browser where account_id = $1 and token_hash in (
            select token_hash from known_browser where account_id = $1
             order by last_used_at desc offset $2)""",
        user_id,
        MOST,
    )
    return token


async def knows(conn: Connection, email: str, token: str) -> bool:
    """Whether a browser has signed in to the account of that address before."""
    known: bool = await conn.fetchval(
        """
        select exists (select from known_browser join account on account.id = account_id
                        where email = $1 and token_hash = $2)""",
        email,
        digest(token),
    )
    return known


async def forget_all(conn: Connection, user_id: UserId) -> None:
    """Forget an account's browsers, as a former password may have been used there."""
    await conn.execute("delete from known_browser where account_id = $1", user_id)


async def prune(pool: Pool) -> None:
    """Forget browsers that nobody has signed in with for long."""
    async with db.acquire(pool) as conn:
        await conn.execute(
            "delete from known_browser where last_used_at < now() - $1::interval", KEPT
        )


def digest(token: str) -> bytes:
    """Return what is stored of a token."""
    # a cookie may hold any bytes; Python decodes bytes that are not UTF-8 as surrogates
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
