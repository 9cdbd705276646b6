"""How the peers on aiohttp are started: one process, a free port, a line when they are ready."""

import asyncio
import os

import asyncpg
from aiohttp import web

#: Connections of a peer's pool, as many as FindMe's largest in a benchmark.
POOL = 20


async def open_pool() -> "asyncpg.Pool[asyncpg.Record]":
    """Open a pool on the database of the run, with asyncpg's own defaults."""
    return await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=POOL, max_size=POOL)


def serve(app: web.Application) -> None:
    """Run *app* until the process is ended."""

    async def run() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        (host, port, *_) = runner.addresses[0]
        print(f"ready: http://{host}:{port}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())
