"""A private PostgreSQL for one test run, as a process: `python -m tests.support.cluster DIR`.

It prints its DSN, and ends when standard input does (with the test run, however that ends).
"""

import asyncio
import sys
from pathlib import Path

from findme.embedded.postgres import open_postgres


async def _serve(folder: Path) -> None:
    async with open_postgres(folder) as server:
        print(server.dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
