"""The composition root: the application, the background work, the service."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from findme import db
from findme.accounts import idle_accounts
from findme.accounts.rights import Rights
from findme.errors import StartError
from findme.jobs import worker
from findme.media import image_workers, resumable_uploads
from findme.messaging import mail_templates, webhook_delivery
from findme.operations import (
    dashboard,
    engine_usage,
    job_history,
    open_files,
    retention,
    runtime_control,
)
from findme.operations.dashboard import Dashboard
from findme.operations.metrics import Metrics
from findme.operations.stats import Sources
from findme.periodic import Periodic
from findme.privacy import audit_log, erasure_journal
from findme.privacy import erasure_receipts as receipt_records
from findme.privacy.erasure_journal import JournalExporter
from findme.resources import Resources, open_resources
from findme.services.access import Access
from findme.services.account import Account
from findme.services.admission import AdmissionDesk
from findme.services.downloads import Downloads
from findme.services.erasure import Erasure
from findme.services.event_setup import EventSetup
from findme.services.guest_gallery import GuestGallery
from findme.services.guest_selfies import GuestSelfies
from findme.services.invitations import Invitations
from findme.services.joining import Joining
from findme.services.keeping_out import KeepingOut
from findme.services.notification_choices import NotificationChoices
from findme.services.person_edits import PersonEdits
from findme.services.photo_marks import PhotoMarks
from findme.services.photo_review import PhotoReview
from findme.services.pictures import Pictures
from findme.services.queue_control import QueueControl
from findme.services.resumable_uploads import ResumableUploads
from findme.services.second_factors import SecondFactors
from findme.services.upload_tokens import UploadTokens
from findme.services.uploads import Uploads
from findme.services.webhooks import Webhooks
from findme.settings import Settings
from findme.web import connections, keys, rendering, routes
from findme.web.guest import live_stream
from findme.web.keys import CACHE, FACES, METRICS, POOL, RIGHTS, SETTINGS, STATS
from findme.web.metrics import measured
from findme.web.middleware import add_headers, failures, identity, problems
from findme.web.operator import dashboard_page

log = logging.getLogger(__name__)

#: Seconds that open requests get to finish when the service stops.
SHUTDOWN_SECONDS = 5.0
#: aiohttp's limit for bodies that are read whole (JSON, forms); files are streamed without it.
MAX_BODY = 1024**2
#: The roles of `findme serve` that run jobs, and those that answer requests.
JOBS = ("all", "worker")
PAGES = ("all", "web")
#: Python's own thresholds but for the last: a full collection, 30 ms with 300 open streams, found
#: some hundred objects; one in ten of them left no more memory in use.
COLLECTIONS = (700, 10, 100)


def make_app(resources: Resources, role: str) -> web.Application:
    """Return the application over open resources; a worker has only its health and figures."""
    around = [measured, problems, identity, failures]
    app = web.Application(middlewares=around, client_max_size=MAX_BODY)
    app.on_response_prepare.append(add_headers)
    app[METRICS] = Metrics()
    app[SETTINGS] = resources.settings
    app[POOL] = resources.pool
    app[CACHE] = resources.cache
    app[RIGHTS] = Rights(resources.pool, resources.cache)
    app[FACES] = resources.faces
    resources.queue.listen(app[METRICS].note_job)
    app[STATS] = Sources(
        resources.pool,
        resources.cache,
        resources.faces,
        resources.queue,
        resources.watch,
        resources.settings.photo_queue_workers,
    )
    _add_services(app, resources)
    rendering.setup_pages(app)
    routes.add_routes(app, worker=role == "worker")
    if role in PAGES:
        _listen_for_rights(app, resources.lost)
        dashboard_page.setup_dashboard(
            app, Dashboard(app[STATS], resources.settings.findme_data_dir)
        )
        shared = role != "all" or resources.settings.database_url is not None
        live_stream.setup_stream(app, resources.lost, elsewhere=shared)
    return app


def _add_services(app: web.Application, on: Resources) -> None:
    """Build the use cases over the open resources."""
    selfies = GuestSelfies(
        on.settings, on.pool, on.cache, on.image_workers, on.selfies, on.vectors, on.queue
    )
    uploads = Uploads(on.settings, on.pool, on.image_workers, on.queue)
    app[keys.ACCESS] = Access(on.settings, on.pool, on.cache, on.queue)
    app[keys.ACCOUNT] = Account(on.pool, on.cache)
    app[keys.DOWNLOADS] = Downloads(on.pool, on.photo_images)
    app[keys.ERASURE] = Erasure(on.pool, on.cache, on.faces, on.vectors)
    app[keys.GUEST_GALLERY] = GuestGallery(on.pool, on.cache)
    app[keys.GUEST_SELFIES] = selfies
    app[keys.KEEPING_OUT] = KeepingOut(on.pool, on.cache, on.faces, on.queue)
    app[keys.INVITATIONS] = Invitations(on.pool)
    app[keys.JOINING] = Joining(on.pool, on.cache, selfies)
    app[keys.NOTIFICATION_CHOICES] = NotificationChoices(on.settings, on.pool)
    app[keys.PHOTO_MARKS] = PhotoMarks(on.settings, on.pool, on.cache, on.queue)
    app[keys.PICTURES] = Pictures(on.pool, on.photo_images, on.image_workers)
    app[keys.EVENT_SETUP] = EventSetup(on.settings, on.pool, on.cache, on.image_workers, on.queue)
    app[keys.ADMISSION_DESK] = AdmissionDesk(
        on.settings, on.pool, on.cache, on.image_workers, on.queue
    )
    app[keys.PERSON_EDITS] = PersonEdits(on.pool, on.grouping, on.queue)
    app[keys.PHOTO_REVIEW] = PhotoReview(on.settings, on.pool, on.cache, on.vectors, on.queue)
    app[keys.QUEUE_CONTROL] = QueueControl(on.settings, on.pool, on.faces, on.queue, on.on_retry)
    app[keys.RESUMABLE_UPLOADS] = ResumableUploads(on.settings, on.pool, uploads)
    app[keys.SECOND_FACTORS] = SecondFactors(on.pool, on.cache)
    app[keys.UPLOADS] = uploads
    app[keys.UPLOAD_TOKENS] = UploadTokens(on.pool, on.cache)
    app[keys.WEBHOOKS] = Webhooks(on.pool, on.settings.webhook_allow_private)


def _listen_for_rights(app: web.Application, lost: asyncio.Future[str]) -> None:
    """Hear of changed rights while the application is up; should that end, *lost* says so."""

    def judge(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not lost.done():
            log.error("[Rights] Changes are no longer heard", exc_info=task.exception())
            lost.set_result("Changes of rights are no longer heard")

    async def listening(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(app[RIGHTS].listen(), name="rights")
        task.add_done_callback(judge)
        yield
        task.cancel()
        await asyncio.wait([task])

    app.cleanup_ctx.append(listening)


def periodic_work(app: web.Application, on: Resources, role: str) -> list[Periodic]:
    """Return what this role does again and again beside its requests and jobs."""
    settings, pool, faces = on.settings, on.pool, on.faces
    journal = JournalExporter(pool, erasure_journal.journal_path(settings))
    deliver = partial(
        webhook_delivery.deliver_all_due, pool, allow_private=settings.webhook_allow_private
    )
    work = [
        Periodic("Retention", retention.PERIOD, partial(retention.delete_expired, pool)),
        Periodic(
            "Accounts", idle_accounts.PERIOD, partial(retention.follow_accounts, pool, settings)
        ),
        Periodic(
            "Usage",
            engine_usage.PERIOD,
            partial(engine_usage.flush, pool, faces.meter),
            first=engine_usage.PERIOD,
            at_stop=True,
        ),
        Periodic(
            "Erasure receipts",
            receipt_records.PERIOD,
            partial(receipt_records.complete, pool, faces),
            first=receipt_records.PERIOD,
        ),
        Periodic(
            "Control",
            runtime_control.PERIOD,
            partial(runtime_control.follow, pool, settings, on.queue, faces),
            first=runtime_control.PERIOD,
        ),
        Periodic(
            "Partial uploads",
            resumable_uploads.PERIOD,
            partial(resumable_uploads.remove_abandoned, settings.findme_data_dir, pool),
        ),
        Periodic("Pictures", image_workers.PERIOD, on.image_workers.lanes.renew),
        Periodic("Old jobs", job_history.PERIOD, partial(job_history.prune_all, pool), JOBS),
        Periodic("Audit log", audit_log.PERIOD, partial(audit_log.prune, pool), JOBS),
        Periodic("Erasure journal", erasure_journal.PERIOD, journal.export, JOBS, at_stop=True),
        Periodic(
            "Expiring events",
            webhook_delivery.WATCH_SECONDS,
            partial(webhook_delivery.announce_expiring, pool),
            JOBS,
        ),
        *(
            Periodic(f"Webhooks-{number}", webhook_delivery.PERIOD, deliver, JOBS)
            for number in range(webhook_delivery.AT_ONCE)
        ),
    ]
    if role in PAGES:
        sample = app[dashboard_page.DASHBOARD].sample
        work.append(Periodic("Dashboard", dashboard.SAMPLE, sample, first=dashboard.SAMPLE))
    return [each for each in work if role in each.roles]


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
    files = open_files.raise_limit()
    async with open_resources(settings, role) as resources:
        log.info("[Startup] At most %d files and connections may be open", files)
        runner = connections.Runner(
            make_app(resources, role),
            most=connections.most_per_address(files),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await runner.setup()
        await asyncio.to_thread(rendering.compile_pages, runner.app)
        await asyncio.to_thread(mail_templates.prepare)
        # objects of the start stay to the end: a full collection that walks through all of them
        # held the event loop for 70 ms
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        # before the first job is begun
        await runtime_control.follow(resources.pool, settings, resources.queue, resources.faces)
        loops = {work.name: work.run() for work in periodic_work(runner.app, resources, role)}
        loops |= {"loop-watch": resources.watch.run(), **resources.queue.loops()}
        background = asyncio.create_task(run_together(loops), name="background")
        trouble = None
        try:
            ready(await _listen(runner, settings))
            trouble = await _first_of(stop.wait(), resources.lost, background)
        finally:
            if trouble:
                log.error("[Shutdown] %s", trouble)
            held = () if runner.server is None else runner.server.connections
            log.info(
                "[Shutdown] %d connections are open, %d jobs run",
                len(held),
                len(resources.queue.active),
            )
            silent = asyncio.create_task(_judge_database(resources), name="stop-database")
            await runner.cleanup()
            # no job can succeed without the lost resource
            await resources.queue.stop(grace=0.0 if trouble else worker.GRACE_SECONDS)
            background.cancel()
            await asyncio.wait([background])
            await silent
    return 1 if trouble else 0


async def _judge_database(resources: Resources) -> None:
    """Drop the connections to a database that no longer answers, so that nobody waits for it."""
    if await db.drop_if_silent(resources.pool) and resources.database is not None:
        resources.database.silent = True


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
    """Wait for the first reason to stop; return what went wrong, or None for a requested stop."""
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
