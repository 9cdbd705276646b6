"""Uploads a folder: every picture in it gets to the server once, in spite of interruptions.

A file passes these steps: seen → quiescent → examined (complete? its hash) → looked up by hash →
sent. The journal records the result; everything else here can be lost at any moment.
"""

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from findme.watcher import folder, picture_files
from findme.watcher.api_client import (
    MOST_HASHES,
    ApiClient,
    FileChanged,
    FileRejected,
    Known,
    RetryLater,
    TokenInfo,
    TokenRejected,
)
from findme.watcher.backoff import MOST_TRIES, OutageLog, Pace, jittered
from findme.watcher.file_states import FileStates, Item
from findme.watcher.folder import Found, Quiescence
from findme.watcher.journal import UploadJournal
from findme.watcher.picture_files import IncompleteFile
from findme.watcher.reporter import Reporter, RunTally

#: Seconds between two checks for quiescent files.
TICK = 0.1
#: Seconds that hashes are collected before one request asks about all of them.
GATHER = 0.2
#: Seconds between two reports to the server.
REPORT_SECONDS = 15.0
#: Seconds between two checks of received pictures: at the end of a single pass, and live.
CHECK_SECONDS = 1.0
CHECK_LIVE_SECONDS = 5.0
#: Tasks that examine files: one reads while the other hashes.
EXAMINERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run."""

    #: End when every file has been sent or rejected (a single pass).
    once: bool = False
    parallel: int = 4
    #: Seconds that a file must not change.
    settle: float = 2.0
    #: Seconds between two scans: network shares report no changes.
    rescan: float = 15.0
    #: Seconds after which an incomplete file is rejected.
    patience: float = 10.0


class Watcher:
    """One run over one folder, or over the files *only*."""

    def __init__(
        self,
        root: Path,
        journal: UploadJournal,
        server: ApiClient,
        reporter: Reporter,
        options: Options,
        only: Sequence[str] | None = None,
    ) -> None:
        self._root, self._server, self._reporter = root, server, reporter
        self._options, self._only = options, only
        self._quiescence = Quiescence(options.settle)
        self._states = FileStates(journal, reporter, self._quiescence)
        self._pace = Pace(once=options.once, outage_log=OutageLog(self.tally, reporter))
        self._to_examine: asyncio.PriorityQueue[Item] = asyncio.PriorityQueue()
        self._to_ask: asyncio.Queue[Item] = asyncio.Queue()
        self._to_send: asyncio.PriorityQueue[Item] = asyncio.PriorityQueue()
        #: hash -> files with the same bytes as the one that is being sent
        self._twins: dict[str, list[Item]] = {}
        self._own: TokenInfo | None = None
        self._scanned = False

    @property
    def tally(self) -> RunTally:
        """The counts of the run."""
        return self._states.tally

    @property
    def has_looked(self) -> bool:
        """Whether the first scan is finished."""
        return self._scanned

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop*, or with `once` until all is done; raise TokenRejected."""
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._work(), name="watcher")
                group.create_task(self._end(stop, work), name="stop")
        except* TokenRejected as group_error:
            raise _first(group_error) from None

    async def _end(self, stop: asyncio.Event, work: asyncio.Task[None]) -> None:
        """Wait for the end of the run, then cancel the work."""
        stopped = asyncio.create_task(stop.wait())
        while not stopped.done() and not work.done() and not self._is_done():
            self._reporter.tick(self.tally)
            await asyncio.wait([stopped, work], timeout=TICK, return_when=FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()

    def _is_done(self) -> bool:
        done = self._states.is_done and self._states.checks.is_done
        return self._options.once and self._scanned and done

    async def _work(self) -> None:
        self._own = await self._pace.keep_trying(self._server.own)
        own = self._own
        self._reporter.report(
            "event", None, f"{own.event_name} ({own.label})", event_id=own.event_id
        )
        await self._states.begin(own.event_id)
        loops: list[Coroutine[Any, Any, None]] = [self._see(), self._settle(), self._ask()]
        loops += [self._check(), self._report()]
        loops += [self._examine() for _ in range(EXAMINERS)]
        loops += [self._send() for _ in range(self._options.parallel)]
        if not self._options.once:
            loops.append(self._hear())
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)

    async def _see(self) -> None:
        """Scan the folder again and again: change events get lost, and cards come back."""
        while True:
            found = await asyncio.to_thread(self._look)
            self._states.see(found.sights, first=not self._scanned)
            self._states.keep_only(found)
            self._scanned = True
            await asyncio.sleep(self._options.rescan)

    def _look(self) -> Found:
        if self._only is None:
            return folder.look(self._root)
        every = (folder.stat(self._root, name) for name in self._only)
        return Found([sight for sight in every if sight is not None], {})

    async def _hear(self) -> None:
        """Look at the files that the system reports as changed."""
        async for paths in folder.changes(self._root, asyncio.Event()):
            every = [folder.look_at(self._root, path) for path in paths]
            self._states.see(sight for sight in every if sight is not None)

    async def _settle(self) -> None:
        while True:
            for sight in self._quiescence.ready(time.monotonic()):
                # live, guests wait for the newest photo; a single pass sends in order
                age = sight.mtime_ns if self._options.once else -sight.mtime_ns
                self._to_examine.put_nowait(Item((0 if sight.is_hot else 1, age), sight))
            await asyncio.sleep(TICK)

    async def _examine(self) -> None:
        """Check that quiescent files are complete, and hash them."""
        while True:
            item = await self._to_examine.get()
            path = self._root / item.name
            if picture_files.is_raw(item.name) and await asyncio.to_thread(
                picture_files.has_jpeg_beside, path
            ):
                await self._states.note_skipped(item)
                continue
            try:
                item.examined = await asyncio.to_thread(picture_files.examine, path)
            except IncompleteFile as problem:
                if not self._states.is_current(item):
                    continue
                if folder.stat(self._root, item.name) != item.sight:
                    self._see_again(item)  # it still grows
                elif self._states.age(item) > self._options.patience:
                    await self._states.note_refused([item], str(problem))
                else:
                    self._quiescence.again(item.sight, time.monotonic())
            except OSError as error:
                self._states.unreadable(item, error)
            else:
                self._to_ask.put_nowait(item)

    async def _ask(self) -> None:
        """Ask about many hashes at once, and queue the files that the server does not have."""
        while True:
            items = [await self._to_ask.get()]
            await asyncio.sleep(GATHER)
            while not self._to_ask.empty() and len(items) < MOST_HASHES:
                items.append(self._to_ask.get_nowait())
            hashes = sorted({item.sha256 for item in items})
            ask = partial(self._server.known, self._event_id, hashes)
            known = await self._pace.keep_trying(ask)
            there = [item for item in items if item.sha256 in known.photos]
            await self._states.note_there(there, known.photos)
            missing = [item for item in items if item.sha256 not in known.photos]
            await self._states.note_waiting(missing)
            for item in missing:
                if item.sha256 in self._twins:
                    self._twins[item.sha256].append(item)
                else:
                    self._twins[item.sha256] = []
                    self._to_send.put_nowait(item)

    async def _send(self) -> None:
        """Send one file after another; a hash is never sent twice at the same time."""
        while True:
            await asyncio.sleep(self._pace.closed_s)
            item = await self._to_send.get()
            if self._pace.closed_s:
                self._to_send.put_nowait(item)
                continue
            if folder.stat(self._root, item.name) != item.sight:
                self._give_back(item)
                continue
            try:
                sent = await self._server.send(self._event_id, item.picture, self.tally.moved)
            except (FileChanged, IncompleteFile):
                self._give_back(item)
            except FileRejected as problem:
                await self._states.note_refused([item, *self._twins_of(item)], str(problem))
            except OSError as error:
                self._give_back(item)
                self._states.unreadable(item, error)
            except RetryLater as problem:
                self._try_again(item, problem)
            else:
                self._pace.went_well()
                there = self._twins_of(item)
                if sent.duplicate:
                    there.insert(0, item)
                else:
                    await self._states.note_sent(item, sent.photo_id)
                await self._states.note_there(there, {item.sha256: sent.photo_id})

    def _twins_of(self, item: Item) -> list[Item]:
        """Remove and return the files that waited for the same bytes."""
        return self._twins.pop(item.sha256)

    def _give_back(self, item: Item) -> None:
        """Look again at a file that changed; another file with the old bytes sends them."""
        for twin in self._twins_of(item):
            self._to_ask.put_nowait(twin)
        if self._states.is_current(item):
            self._see_again(item)

    def _see_again(self, item: Item) -> None:
        """Start again with a file as it is now."""
        seen = folder.stat(self._root, item.name)
        if seen is None:
            self._states.vanish(item.name)
        else:
            self._states.release(item.name)
            self._states.see([seen])

    def _try_again(self, item: Item, problem: RetryLater) -> None:
        """Queue a file again: after its own delay, or when the server answers again."""
        self._pace.note(problem)
        # a busy server names a time to come back: that is no failed attempt
        item.tries += problem.after is None
        if self._options.once and item.tries >= MOST_TRIES:
            for each in (item, *self._twins_of(item)):
                self._states.give_up(each, str(problem))
            return
        # a failure of the server delays all files, a failure of this file only itself
        alone = not problem.offline and problem.after is None
        delay = jittered(item.tries) if alone else 0.0
        asyncio.get_running_loop().call_later(delay, self._to_send.put_nowait, item)

    async def _check(self) -> None:
        """Ask about received pictures; a single pass does so when all are sent."""

        async def ask(hashes: Sequence[str]) -> Known:
            return await self._pace.keep_trying(partial(self._server.known, self._event_id, hashes))

        pause = CHECK_SECONDS if self._options.once else CHECK_LIVE_SECONDS
        while True:
            at_once = False
            if self._states.is_done or not self._options.once:
                at_once = await self._states.checks.look(ask)
            await asyncio.sleep(0 if at_once else pause)

    async def _report(self) -> None:
        """Report the progress to the server; a report that fails is not retried."""
        while True:
            told = {**self.tally.as_report(), "clock_ahead_s": self._server.clock_ahead_s}
            try:
                await self._server.report(told)
            except (RetryLater, FileRejected, FileChanged) as problem:
                self.tally.last_error = str(problem)
            await asyncio.sleep(REPORT_SECONDS)

    @property
    def _event_id(self) -> str:
        assert self._own is not None
        return self._own.event_id


def _first(group: BaseExceptionGroup[TokenRejected]) -> TokenRejected:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, TokenRejected)
    return found
