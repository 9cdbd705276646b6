"""A private PostgreSQL for one test run, as a process: `python -m tests.support.cluster DIR`.

It prints its DSN, and ends when standard input does (with the test run, however that ends).
"""

import asyncio
import sys
from pathlib import Path

import asyncpg

from findme.embedded.postgres import open_postgres

#: No test takes the power from this server, so nothing waits for the disk. The tests of durability
#: start a server of their own, which runs as it does at a customer's.
_FAST = ("fsync", "full_page_writes")


async def _serve(folder: Path) -> None:
    async with open_postgres(folder) as server:
        conn = await asyncpg.connect(server.dsn)
        for name in _FAST:
            await conn.execute(f"alter system set {name} = off")
        # the command line, which sets it for production, comes before `alter system`
        await conn.execute("alter role all set synchronous_commit = off")
        await conn.execute("select pg_reload_conf()")
        await conn.close()
        print(server.dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
