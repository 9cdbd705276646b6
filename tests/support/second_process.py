"""A second process of the web role on a test's database, with a memory of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from findme import db, server
from findme.accounts.rights import Rights
from findme.cache import open_cache
from findme.resources import assemble
from findme.web.keys import RIGHTS
from tests.conftest import App
from tests.support.described import DescribedClient
from tests.support.image_lanes import shared_lanes

#: Seconds in which a listening connection is opened, or found lost, on a busy machine.
LISTENING = 20.0


@asynccontextmanager
async def second_process(app: App, database: str) -> AsyncIterator[DescribedClient]:
    """Open the application once more: its pool, cache and rights are its own."""
    on = app.resources
    async with (
        db.open_pool(database, min_size=1, max_size=10) as pool,
        open_cache(on.settings.cache_url, on.settings.cache_ttl) as cache,
    ):
        resources = assemble(
            on.settings,
            pool,
            on.faces,
            cache,
            shared_lanes(),
            lost=asyncio.get_running_loop().create_future(),
            settle=0.0,
            expansion=None,
            replica_id=None,
        )
        client = DescribedClient(TestServer(server.make_app(resources, "web")))
        await client.start_server()
        try:
            yield client
        finally:
            await client.close()


async def rights_of(app: web.Application) -> Rights:
    """Return an application's rights as soon as it believes what it keeps of them."""
    rights = app[RIGHTS]
    await until(lambda: rights.certain)
    return rights


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something holds; TimeoutError if it never does."""
    async with asyncio.timeout(LISTENING):
        while True:
            found: Any = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)
