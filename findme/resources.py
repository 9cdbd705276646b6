"""The resources of a service, opened in order and closed in reverse."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

import asyncpg

from findme import db, rekognition
from findme.accounts import auth, common_passwords, second_factor
from findme.accounts import selfies as selfie_records
from findme.cache import Cache, open_cache
from findme.db import Pool
from findme.embedded.data_dir import hold_data_dir
from findme.embedded.face_service import open_engine
from findme.embedded.postgres import Postgres, join_postgres, open_postgres
from findme.errors import EngineUnavailable, StartError
from findme.faces import reindex_state
from findme.gallery import events
from findme.indexing.person_grouping import PersonGrouping
from findme.indexing.selfie_indexing import SelfieIndexing
from findme.indexing.vector_deletion import VectorDeletion
from findme.jobs import clock_jumps, worker_registry
from findme.jobs.job_types import make_job_types
from findme.jobs.no_workers import NoWorkers
from findme.jobs.worker import WorkQueue
from findme.media import spool_folders
from findme.media.image_workers import ImageLanes, ImageWorkers
from findme.media.photo_images import PhotoImages
from findme.models import JobKind
from findme.operations import engine_usage
from findme.operations.stats import LoopWatch
from findme.privacy import audit_log
from findme.queue import OnRetry
from findme.recognition.aws_session import uses_aws
from findme.recognition.types import QueryExpansion
from findme.rekognition import Rekognition
from findme.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """The open resources of a service."""

    settings: Settings
    pool: Pool
    faces: Rekognition
    cache: Cache
    #: Does all that is done with pixels, in children.
    image_workers: ImageWorkers
    photo_images: PhotoImages
    vectors: VectorDeletion
    selfies: SelfieIndexing
    grouping: PersonGrouping
    queue: WorkQueue | NoWorkers
    #: Prepare the subjects of failed jobs for another run, by kind.
    on_retry: Mapping[JobKind, OnRetry]
    #: Done when something that the service needs has ended by itself: it cannot go on.
    lost: asyncio.Future[str]
    watch: LoopWatch
    #: The embedded database; None if DATABASE_URL names another.
    database: Postgres | None = None


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
        database = await _embedded_database(stack, settings, lost) if alone else None
        dsn = settings.database_url if database is None else database.dsn
        assert dsn is not None
        await _migrate(dsn)
        pool = await stack.enter_async_context(
            db.open_pool(dsn, min_size=settings.pool_min_size, max_size=settings.pool_max_size)
        )
        await asyncio.to_thread(spool_folders.remove_abandoned, settings.findme_data_dir)
        async with db.acquire(pool) as conn:
            await events.set_default_thresholds(conn, settings)
        await _see_to_admin(pool, settings)
        cache = await stack.enter_async_context(open_cache(settings.cache_url, settings.cache_ttl))
        faces, settle = await open_face_engine(stack, settings, role)
        # the month's sum, before the first call adds to it
        await engine_usage.flush(pool, faces.meter)
        replica_id = None if role == "web" else await _take_part(stack, pool, faces, alone=alone)
        lanes = ImageLanes.of_this_machine()
        stack.callback(lanes.close)
        try:
            lanes.start()
        except OSError as error:
            raise StartError(f"No process for pictures can be started: {error}") from error
        resources = assemble(
            settings,
            pool,
            faces,
            cache,
            lanes,
            lost=lost,
            settle=settle,
            expansion=_query_expansion(settings, embedded=faces.embedded),
            replica_id=replica_id,
            database=database,
        )
        yield resources


def assemble(
    settings: Settings,
    pool: Pool,
    faces: Rekognition,
    cache: Cache,
    lanes: ImageLanes,
    *,
    lost: asyncio.Future[str],
    settle: float,
    expansion: QueryExpansion | None,
    replica_id: int | None,
    database: Postgres | None = None,
) -> Resources:
    """Build the resources that use the open pool, engine and cache; the caller closes the lanes.

    Without *replica_id* this process has no workers.
    """
    image_workers = ImageWorkers(lanes, settings.max_image_pixels)
    photo_images = PhotoImages(settings.findme_data_dir, pool, image_workers)
    vectors = VectorDeletion(pool, faces)
    selfies = SelfieIndexing(pool, faces, vectors)
    grouping = PersonGrouping(settings, pool, faces)
    types = make_job_types(
        settings,
        pool,
        faces,
        cache,
        image_workers=image_workers,
        photo_images=photo_images,
        vectors=vectors,
        selfies=selfies,
        grouping=grouping,
        settle=settle,
        expansion=expansion,
    )
    work: WorkQueue | NoWorkers = NoWorkers()
    if replica_id is not None:
        work = WorkQueue(
            pool,
            types,
            workers=settings.photo_queue_workers,
            replica_id=replica_id,
            ping_engine=faces.ping,
        )
    return Resources(
        settings=settings,
        pool=pool,
        faces=faces,
        cache=cache,
        image_workers=image_workers,
        photo_images=photo_images,
        vectors=vectors,
        selfies=selfies,
        grouping=grouping,
        queue=work,
        on_retry={kind: type_.on_retry for kind, type_ in types.items() if type_.on_retry},
        lost=lost,
        watch=LoopWatch(),
        database=database,
    )


async def _embedded_database(
    stack: AsyncExitStack, settings: Settings, lost: asyncio.Future[str]
) -> Postgres:
    server = await stack.enter_async_context(open_postgres(settings.findme_data_dir))
    log.info("[Startup] Embedded PostgreSQL in %s", server.data)

    def note(_exited: asyncio.Future[int]) -> None:
        if not lost.done():
            lost.set_result("The embedded PostgreSQL has ended")

    server.exited.add_done_callback(note)
    stack.callback(server.exited.remove_done_callback, note)
    return server


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
    """Migrate the database of these settings (`findme migrate`)."""
    if settings.database_url is not None:
        await _migrate(settings.database_url)
        return
    with hold_data_dir(settings.findme_data_dir):
        async with open_postgres(settings.findme_data_dir) as server:
            await _migrate(server.dsn)


async def create_admin(settings: Settings, email: str, password: str) -> None:
    """Make the account an admin (`findme admin create`); the service need not be stopped."""
    async with _open_beside(settings) as pool:
        await auth.set_admin(pool, email, password)


async def reset_second_factor(settings: Settings, email: str) -> bool:
    """Take an account's second factor away (`findme admin reset-second-factor`); False if none."""
    async with _open_beside(settings) as pool, db.transaction(pool) as conn:
        found = await auth.find_account(conn, email.strip().lower())
        if found is None or not await second_factor.remove(conn, found[0].id):
            return False
        await audit_log.note(conn, None, "account.second_factor_reset", subjects=[int(found[0].id)])
        return True


@asynccontextmanager
async def _open_beside(settings: Settings) -> AsyncIterator[Pool]:
    """Open the database, migrated, for a command; the service need not be stopped."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            dsn = await stack.enter_async_context(join_postgres(settings.findme_data_dir))
        await _migrate(dsn)
        yield await stack.enter_async_context(db.open_pool(dsn, min_size=1, max_size=1))


async def _see_to_admin(pool: Pool, settings: Settings) -> None:
    made_up = await auth.ensure_admin(
        pool, settings.findme_admin_email, settings.findme_admin_password
    )
    given = settings.findme_admin_password
    if given is not None and (len(given) < auth.MIN_PASSWORD or common_passwords.is_common(given)):
        log.warning("[Startup] FINDME_ADMIN_PASSWORD is short or one of the most common passwords")
    if made_up is not None:
        # shown only this once, on standard output, which is no log file by default
        print(f"FindMe admin: {auth.FIRST_ADMIN} with the password {made_up}", flush=True)  # noqa: T201


async def open_face_engine(
    stack: AsyncExitStack, settings: Settings, role: str
) -> tuple[Rekognition, float]:
    """Open the face engine; return the client and the seconds until a search finds a vector."""
    limit, settle = settings.aws_concurrent_requests, settings.face_settle_seconds
    if await uses_aws(settings.face_engine, settings.aws_region):
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


def _query_expansion(settings: Settings, *, embedded: bool) -> QueryExpansion | None:
    """Return how queries are expanded; None if they are not (by default if searches cost money)."""
    if settings.face_query_expansion == "off" or (
        settings.face_query_expansion == "auto" and not embedded
    ):
        return None
    return QueryExpansion(
        anchor=settings.face_query_expansion_anchor, match=settings.face_query_expansion_threshold
    )


async def _take_part(stack: AsyncExitStack, pool: Pool, faces: Rekognition, *, alone: bool) -> int:
    """Register this process as a replica that runs jobs; return its id."""
    face_model = await _free_face_model(faces)
    async with db.transaction(pool) as conn:
        await clock_jumps.follow(conn)
        # nobody else uses an embedded database: its running jobs belong to a process that died
        await worker_registry.take_over(conn, everyone=alone)
        if alone:
            await selfie_records.release_claims(conn)
        event_id = await reindex_state.enqueue_next(conn, faces.name, face_model)
        if event_id is not None:
            log.info(
                "[Startup] Event %s is re-indexed for %s %s", event_id, faces.name, face_model or ""
            )
        pending = await conn.fetchval("select count(*) from job where state = 'queued'")
    replica_id = await stack.enter_async_context(worker_registry.register_replica(pool))
    log.info("[Startup] Photo queue initialized with %d pending jobs", pending)
    return replica_id


async def _free_face_model(faces: Rekognition) -> str | None:
    """Return the engine's present face model if a re-index by it costs no money, else None."""
    if faces.is_aws:
        return None
    try:
        return await faces.face_model()
    except EngineUnavailable as problem:
        # events are compared at the next start, and before that whenever one gets a picture
        log.warning("[Startup] The engine's face model is unknown: %s", problem)
        return None
