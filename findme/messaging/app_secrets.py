"""Keys that FindMe generates at first need and keeps in its database.

All services on a database share them, and a backup contains them.
"""

from collections.abc import Callable

from findme.db import Connection


async def get(conn: Connection, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the key of that name; *make* generates a missing one. All callers get the same key."""
    found: bytes | None = await conn.fetchval("select value from secret where name = $1", name)
    if found is not None:
        return found
    await conn.execute(
        "insert into secret (name, value) values ($1, $2) on conflict do nothing", name, make()
    )
    kept: bytes = await conn.fetchval("select value from secret where name = $1", name)
    return kept
