"""The composition root: resources in order, the application, the background work, the service."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiohttp import web

from findme import (
    auth,
    db,
    events,
    housekeeping,
    queue,
    rekognition,
    replicas,
    storage,
    usage,
    workers,
)
from findme import receipts as receipt_records
from findme import selfies as selfie_records
from findme.cache import Cache, open_cache
from findme.db import Pool
from findme.engine_process import open_engine
from findme.errors import StartError
from findme.models import Hop, JobKind
from findme.pipeline import Pipeline
from findme.postgres import hold_data_dir, open_postgres
from findme.reindexing import Reindexing
from findme.rekognition import Rekognition
from findme.settings import Settings
from findme.stats import LoopWatch, Sources
from findme.web import (
    admin,
    admin_pages,
    archive,
    costs,
    gallery_page,
    guests,
    health,
    html,
    ledger,
    openapi,
    pages,
    people,
    photo_page,
    photos,
    receipts,
    selfies,
    stream,
    uploads,
    verdicts,
)
from findme.web import auth as web_auth
from findme.web import events as web_events
from findme.web.keys import CACHE, FACES, PIPELINE, POOL, QUEUE, SETTINGS, STATS
from findme.web.middleware import add_headers, identity, problems
from findme.workers import Handler, WorkQueue

log = logging.getLogger(__name__)

#: Seconds that answers in progress get to end when the service stops.
SHUTDOWN_SECONDS = 5.0
#: aiohttp's bound for bodies that are read whole (JSON, forms); files are streamed past it.
MAX_BODY = 1024**2


@dataclass(frozen=True, slots=True)
class Resources:
    """What the service stands on, open."""

    settings: Settings
    pool: Pool
    faces: Rekognition
    cache: Cache
    pipeline: Pipeline
    queue: WorkQueue | None
    #: Done when something below us ended by itself: the service cannot go on.
    lost: asyncio.Future[str]
    watch: LoopWatch


@asynccontextmanager
async def open_resources(settings: Settings, role: str) -> AsyncIterator[Resources]:
    """Open everything in order; it is closed in reverse."""
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        alone = settings.database_url is None
        if alone and role != "all":
            raise StartError(f"--role {role} needs DATABASE_URL: services share a database.")
        # with a database of their own elsewhere, services may share a data directory's spool
        stack.enter_context(hold_data_dir(settings.findme_data_dir) if alone else nullcontext())
        dsn = settings.database_url or await _embedded_database(stack, settings, lost)
        await _migrate(dsn)
        pool = await stack.enter_async_context(
            db.open_pool(dsn, min_size=settings.pool_min_size, max_size=settings.pool_max_size)
        )
        if alone:
            await asyncio.to_thread(storage.empty_spool, settings.findme_data_dir)
        await _see_to_admin(pool, settings)
        cache = await stack.enter_async_context(open_cache(settings.cache_url, settings.cache_ttl))
        faces, settle = await _engine(stack, settings, role)
        # what the month has come to, before the first call adds to it
        await usage.flush(pool, faces.meter)
        pipeline = Pipeline(
            settings, pool, faces, cache, settle=settle, hop=_hop(settings, embedded=faces.embedded)
        )
        stack.callback(pipeline.close)
        work = (
            await _queue(stack, settings, pool, pipeline, faces, cache, alone)
            if role != "web"
            else None
        )
        yield Resources(settings, pool, faces, cache, pipeline, work, lost, LoopWatch())


async def _embedded_database(
    stack: AsyncExitStack, settings: Settings, lost: asyncio.Future[str]
) -> str:
    server = await stack.enter_async_context(open_postgres(settings.findme_data_dir))
    log.info("[Startup] Embedded PostgreSQL in %s", server.data)

    def note(_exited: asyncio.Future[int]) -> None:
        if not lost.done():
            lost.set_result("The embedded PostgreSQL has ended")

    server.exited.add_done_callback(note)
    stack.callback(server.exited.remove_done_callback, note)
    return server.dsn


async def _migrate(dsn: str) -> None:
    try:
        conn = await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartError(f"The database cannot be reached: {error}") from error
    try:
        await db.migrate(conn)
    finally:
        await conn.close()


async def migrate(settings: Settings) -> None:
    """Bring the database of these settings up to date (`findme migrate`)."""
    if settings.database_url is not None:
        await _migrate(settings.database_url)
        return
    with hold_data_dir(settings.findme_data_dir):
        async with open_postgres(settings.findme_data_dir) as server:
            await _migrate(server.dsn)


async def create_admin(settings: Settings, email: str, password: str) -> None:
    """Make the account an admin (`findme admin create`); the service need not be stopped."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            stack.enter_context(hold_data_dir(settings.findme_data_dir))
            dsn = (await stack.enter_async_context(open_postgres(settings.findme_data_dir))).dsn
        await _migrate(dsn)
        pool = await stack.enter_async_context(db.open_pool(dsn, min_size=1, max_size=1))
        await auth.set_admin(pool, email, password)


async def _see_to_admin(pool: Pool, settings: Settings) -> None:
    made_up = await auth.ensure_admin(
        pool, settings.findme_admin_email, settings.findme_admin_password
    )
    if made_up is not None:
        # the one time it is seen; on standard output, which is no log file by default
        print(f"FindMe admin: {auth.FIRST_ADMIN} with the password {made_up}", flush=True)  # noqa: T201


async def _engine(
    stack: AsyncExitStack, settings: Settings, role: str
) -> tuple[Rekognition, float]:
    """Open the face engine; return the client and the seconds until a search finds a vector."""
    use_aws = settings.face_engine == "aws" or (
        settings.face_engine == "auto" and await rekognition.aws_is_configured(settings.aws_region)
    )
    limit, settle = settings.aws_concurrent_requests, settings.face_settle_seconds
    if use_aws:
        client = await stack.enter_async_context(
            rekognition.open_client(
                limit=limit,
                region=settings.aws_region,
                calls_per_second=settings.rekognition_calls_per_second,
                budget_usd=settings.rekognition_monthly_budget_usd,
            )
        )
        default = rekognition.SETTLE_SECONDS if client.is_aws else 0.0
        return client, default if settle is None else settle
    if role != "all":
        raise StartError(
            f"--role {role} needs one face engine for all services: AWS, or `findme faces` behind "
            "AWS_ENDPOINT_URL_REKOGNITION with FACE_ENGINE=aws."
        )
    engine = await stack.enter_async_context(open_engine(settings.findme_data_dir))
    log.info("[Startup] Embedded face engine at %s", engine.endpoint_url)
    client = await stack.enter_async_context(
        rekognition.open_client(
            limit=limit,
            endpoint_url=engine.endpoint_url,
            region=engine.region,
            access_key_id=engine.access_key_id,
            secret_access_key=engine.secret_access_key,
            embedded=True,
            calls_per_second=settings.rekognition_calls_per_second,
        )
    )
    return client, 0.0 if settle is None else settle


def _hop(settings: Settings, *, embedded: bool) -> Hop | None:
    """Return the second hop, or None where it is off (by default where searches cost money)."""
    if settings.face_hop == "off" or (settings.face_hop == "auto" and not embedded):
        return None
    return Hop(anchor=settings.face_hop_anchor, match=settings.face_hop_threshold)


def handlers(
    pool: Pool, faces: Rekognition, cache: Cache, pipeline: Pipeline
) -> Mapping[JobKind, Handler]:
    """Return what does each kind of job."""
    reindexing = Reindexing(pool, faces, cache, pipeline)
    return {**pipeline.handlers(), JobKind.REINDEX_EVENT: reindexing.reindex_event}


async def _queue(
    stack: AsyncExitStack,
    settings: Settings,
    pool: Pool,
    pipeline: Pipeline,
    faces: Rekognition,
    cache: Cache,
    alone: bool,
) -> WorkQueue:
    async with db.transaction(pool) as conn:
        # on a database of our own nobody else can be at work: what runs there is of a dead service
        await replicas.take_over(conn, everyone=alone)
        if alone:
            await selfie_records.release_claims(conn)
        for event_id in await events.list_of_other_engines(conn, faces.name):
            log.info("[Startup] Event %s is re-indexed for the engine %s", event_id, faces.name)
            await queue.enqueue_reindex(conn, event_id)
        pending = await conn.fetchval("select count(*) from job where state = 'queued'")
    replica_id = await stack.enter_async_context(replicas.register_replica(pool))
    log.info("[Startup] Photo queue initialized with %d pending jobs", pending)
    return WorkQueue(
        pool,
        handlers(pool, faces, cache, pipeline),
        workers=settings.photo_queue_workers,
        replica_id=replica_id,
        ping_engine=faces.ping,
    )


def make_app(resources: Resources, role: str) -> web.Application:
    """Return the application over open resources; a worker answers for its health alone."""
    app = web.Application(middlewares=[problems, identity], client_max_size=MAX_BODY)
    app.on_response_prepare.append(add_headers)
    app[SETTINGS] = resources.settings
    app[POOL] = resources.pool
    app[CACHE] = resources.cache
    app[FACES] = resources.faces
    app[PIPELINE] = resources.pipeline
    if resources.queue is not None:
        app[QUEUE] = resources.queue
    app[STATS] = Sources(
        resources.pool, resources.cache, resources.faces, resources.queue, resources.watch
    )
    html.setup_pages(app)
    nouns = [health]
    if role != "worker":
        nouns += [web_auth, web_events, guests, selfies, photos, archive]
        nouns += [verdicts, uploads, receipts]
        nouns += [stream, admin, people, ledger, costs, openapi, pages, gallery_page]
        nouns += [photo_page, admin_pages]
        shared = role != "all" or resources.settings.database_url is not None
        stream.setup_stream(app, resources.lost, elsewhere=shared)
    for noun in nouns:
        app.add_routes(noun.ROUTES)
    return app


async def run_together(loops: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run the loops until one fails or all are cancelled."""
    async with asyncio.TaskGroup() as group:
        for name, loop in loops.items():
            group.create_task(loop, name=name)


async def serve(settings: Settings, role: str, ready: Callable[[str], None]) -> int:
    """Run the service until SIGTERM or SIGINT (0), or until something it needs is lost (1)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_resources(settings, role) as resources:
        runner = web.AppRunner(
            make_app(resources, role), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        loops = {"loop-watch": resources.watch.run(), **housekeeping.loops(resources.pool)}
        loops |= usage.loops(resources.pool, resources.faces.meter)
        loops |= receipt_records.loops(resources.pool, resources.faces)
        if resources.queue is not None:
            loops |= resources.queue.loops()
        background = asyncio.create_task(run_together(loops), name="background")
        trouble = None
        try:
            ready(await _listen(runner, settings))
            trouble = await _first_of(stop.wait(), resources.lost, background)
        finally:
            if trouble:
                log.error("[Shutdown] %s", trouble)
            await runner.cleanup()
            if resources.queue is not None:
                # without what was lost no job gets anywhere
                await resources.queue.stop(grace=0.0 if trouble else workers.GRACE_SECONDS)
            background.cancel()
            await asyncio.wait([background])
    return 1 if trouble else 0


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    host, port = settings.findme_host, settings.findme_port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise StartError(f"Cannot listen on {host}:{port}: {error.strerror}") from error
    bound = runner.addresses[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{bound}"


async def _first_of(
    stopped: Coroutine[Any, Any, object], lost: asyncio.Future[str], background: asyncio.Task[None]
) -> str | None:
    """Wait for the first reason to end; return what went wrong, or None for a wanted stop."""
    wanted = asyncio.create_task(stopped, name="stop-signal")
    reasons: list[asyncio.Future[Any]] = [wanted, lost, background]
    await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
    wanted.cancel()
    if lost.done():
        return lost.result()
    if background.done():
        error = background.exception()
        log.error("[Shutdown] The background work ended", exc_info=error)
        return "The background work ended"
    return None
