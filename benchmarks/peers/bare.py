"""The limit of a cached answer: aiohttp alone, which sends bytes that it has in memory."""

import os
from pathlib import Path

from aiohttp import web

from benchmarks.peers.serving import serve

BODY = Path(os.environ["BENCH_BODY"]).read_bytes()
HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


async def answer(_: web.Request) -> web.Response:
    """Send the body."""
    return web.Response(body=BODY, headers=HEADERS)


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/list", answer)
    serve(application)
