"""Keys that FindMe makes for itself at first need and keeps in its database.

All services on a database share them, and a backup carries them along.
"""

from collections.abc import Callable

from findme.db import Connection


async def get(conn: Connection, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the key of that name, made by *make* where there is none; all get the same."""
    found: bytes | None = await conn.fetchval("select value from secret where name = $1", name)
    if found is not None:
        return found
    await conn.execute(
        "insert into secret (name, value) values ($1, $2) on conflict do nothing", name, make()
    )
    kept: bytes = await conn.fetchval("select value from secret where name = $1", name)
    return kept
