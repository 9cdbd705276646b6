"""A folder becomes uploads: every picture in it is on the server once, whatever happens meanwhile.

A file goes from hand to hand: seen → at rest → examined (complete? its hash) → asked for → sent.
The journal keeps what became of it; everything else here can be lost at any moment.
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
    Changed,
    Known,
    Later,
    Own,
    Refused,
    Server,
    Unwelcome,
)
from findme.watcher.backoff import MOST_TRIES, Pace, Trouble, jittered
from findme.watcher.file_states import Books, Item
from findme.watcher.folder import Found, Rest
from findme.watcher.journal import Journal
from findme.watcher.picture_files import NotYet
from findme.watcher.reporter import Tally, Teller

#: Seconds between two looks for what has come to rest.
TICK = 0.1
#: Seconds that hashes are collected before they are asked for together.
GATHER = 0.2
#: Seconds between two reports to the server.
REPORT_SECONDS = 15.0
#: Seconds between two questions what became of received pictures: at the end of a pass, and live.
CHECK_SECONDS = 1.0
CHECK_LIVE_SECONDS = 5.0
#: Threads that hash: one reads while the other counts.
EXAMINERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a folder is watched."""

    #: End when everything that is there has been dealt with.
    once: bool = False
    parallel: int = 4
    #: Seconds for which a file must be still.
    settle: float = 2.0
    #: Seconds between two looks at everything: network shares tell nothing by themselves.
    rescan: float = 15.0
    #: Seconds after which a file that is not complete is refused.
    patience: float = 10.0


class Watcher:
    """One run over one folder, or over the files *only*."""

    def __init__(
        self,
        root: Path,
        journal: Journal,
        server: Server,
        teller: Teller,
        options: Options,
        only: Sequence[str] | None = None,
    ) -> None:
        self._root, self._server, self._teller = root, server, teller
        self._options, self._only = options, only
        self._rest = Rest(options.settle)
        self._books = Books(journal, teller, self._rest)
        self._pace = Pace(once=options.once, trouble=Trouble(self.tally, teller))
        self._to_examine: asyncio.PriorityQueue[Item] = asyncio.PriorityQueue()
        self._to_ask: asyncio.Queue[Item] = asyncio.Queue()
        self._to_send: asyncio.PriorityQueue[Item] = asyncio.PriorityQueue()
        #: hash -> what has the same bytes as a file that is being sent
        self._twins: dict[str, list[Item]] = {}
        self._own: Own | None = None
        self._scanned = False

    @property
    def tally(self) -> Tally:
        """How far the run is."""
        return self._books.tally

    @property
    def has_looked(self) -> bool:
        """Whether it is known what there is to send."""
        return self._scanned

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop*, or with `once` until all is done; Unwelcome ends it as well."""
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._work(), name="watcher")
                group.create_task(self._end(stop, work), name="stop")
        except* Unwelcome as group_error:
            raise _first(group_error) from None

    async def _end(self, stop: asyncio.Event, work: asyncio.Task[None]) -> None:
        """Wait until the run is to end, then end it."""
        stopped = asyncio.create_task(stop.wait())
        while not stopped.done() and not work.done() and not self._is_done():
            self._teller.tick(self.tally)
            await asyncio.wait([stopped, work], timeout=TICK, return_when=FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()

    def _is_done(self) -> bool:
        done = self._books.is_done and self._books.checks.is_done
        return self._options.once and self._scanned and done

    async def _work(self) -> None:
        self._own = await self._pace.keep_trying(self._server.own)
        own = self._own
        self._teller.tell("event", None, f"{own.event_name} ({own.label})", event_id=own.event_id)
        await self._books.begin(own.event_id)
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
        """Look at everything, again and again: events are missed, and cards come back."""
        while True:
            found = await asyncio.to_thread(self._look)
            self._books.see(found.sights, first=not self._scanned)
            self._books.keep_only(found)
            self._scanned = True
            await asyncio.sleep(self._options.rescan)

    def _look(self) -> Found:
        if self._only is None:
            return folder.look(self._root)
        every = (folder.stat(self._root, name) for name in self._only)
        return Found([sight for sight in every if sight is not None], {})

    async def _hear(self) -> None:
        """Look at what the system says has changed."""
        async for paths in folder.changes(self._root, asyncio.Event()):
            every = [folder.look_at(self._root, path) for path in paths]
            self._books.see(sight for sight in every if sight is not None)

    async def _settle(self) -> None:
        while True:
            for sight in self._rest.ready(time.monotonic()):
                # live, people wait for what was just taken; a pass tells the evening in order
                age = sight.mtime_ns if self._options.once else -sight.mtime_ns
                self._to_examine.put_nowait(Item((0 if sight.is_hot else 1, age), sight))
            await asyncio.sleep(TICK)

    async def _examine(self) -> None:
        """Take up files that rest: are they complete, and what is their hash."""
        while True:
            item = await self._to_examine.get()
            path = self._root / item.name
            if picture_files.is_raw(item.name) and await asyncio.to_thread(
                picture_files.has_jpeg_beside, path
            ):
                await self._books.note_skipped(item)
                continue
            try:
                item.examined = await asyncio.to_thread(picture_files.examine, path)
            except NotYet as problem:
                if not self._books.is_current(item):
                    continue
                if folder.stat(self._root, item.name) != item.sight:
                    self._see_again(item)  # it grows
                elif self._books.age(item) > self._options.patience:
                    await self._books.note_refused([item], str(problem))
                else:
                    self._rest.again(item.sight, time.monotonic())
            except OSError as error:
                self._books.unreadable(item, error)
            else:
                self._to_ask.put_nowait(item)

    async def _ask(self) -> None:
        """Ask for many hashes at once, and send on what the server has not got."""
        while True:
            items = [await self._to_ask.get()]
            await asyncio.sleep(GATHER)
            while not self._to_ask.empty() and len(items) < MOST_HASHES:
                items.append(self._to_ask.get_nowait())
            hashes = sorted({item.sha256 for item in items})
            ask = partial(self._server.known, self._event_id, hashes)
            known = await self._pace.keep_trying(ask)
            there = [item for item in items if item.sha256 in known.photos]
            await self._books.note_there(there, known.photos)
            missing = [item for item in items if item.sha256 not in known.photos]
            await self._books.note_waiting(missing)
            for item in missing:
                if item.sha256 in self._twins:
                    self._twins[item.sha256].append(item)
                else:
                    self._twins[item.sha256] = []
                    self._to_send.put_nowait(item)

    async def _send(self) -> None:
        """Send one file after the other; each hash is on its way once."""
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
            except (Changed, NotYet):
                self._give_back(item)
            except Refused as problem:
                await self._books.note_refused([item, *self._twins_of(item)], str(problem))
            except OSError as error:
                self._give_back(item)
                self._books.unreadable(item, error)
            except Later as problem:
                self._try_again(item, problem)
            else:
                self._pace.went_well()
                there = self._twins_of(item)
                if sent.duplicate:
                    there.insert(0, item)
                else:
                    await self._books.note_sent(item, sent.photo_id)
                await self._books.note_there(there, {item.sha256: sent.photo_id})

    def _twins_of(self, item: Item) -> list[Item]:
        """Return what has the same bytes: the hash is not on its way any more."""
        return self._twins.pop(item.sha256)

    def _give_back(self, item: Item) -> None:
        """Look again at a file that is not what it was; whoever has the same bytes sends them."""
        for twin in self._twins_of(item):
            self._to_ask.put_nowait(twin)
        if self._books.is_current(item):
            self._see_again(item)

    def _see_again(self, item: Item) -> None:
        """Take up a current file as it is now."""
        seen = folder.stat(self._root, item.name)
        if seen is None:
            self._books.vanish(item.name)
        else:
            self._books.let_go(item.name)
            self._books.see([seen])

    def _try_again(self, item: Item, problem: Later) -> None:
        """Put a file back for later: after its own wait, or when the server is there again."""
        self._pace.note(problem)
        # a server that is busy says so, and for how long: nothing has failed
        item.tries += problem.after is None
        if self._options.once and item.tries >= MOST_TRIES:
            for each in (item, *self._twins_of(item)):
                self._books.give_up(each, str(problem))
            return
        # trouble with the server is everybody's; trouble with this file is its own
        alone = not problem.offline and problem.after is None
        delay = jittered(item.tries) if alone else 0.0
        asyncio.get_running_loop().call_later(delay, self._to_send.put_nowait, item)

    async def _check(self) -> None:
        """Ask what became of the pictures that were received; a pass does so when all are."""

        async def ask(hashes: Sequence[str]) -> Known:
            return await self._pace.keep_trying(partial(self._server.known, self._event_id, hashes))

        pause = CHECK_SECONDS if self._options.once else CHECK_LIVE_SECONDS
        while True:
            at_once = False
            if self._books.is_done or not self._options.once:
                at_once = await self._books.checks.look(ask)
            await asyncio.sleep(0 if at_once else pause)

    async def _report(self) -> None:
        """Tell the server how far we are; that it does not hear it is no trouble."""
        while True:
            told = {**self.tally.as_report(), "clock_ahead_s": self._server.clock_ahead_s}
            try:
                await self._server.report(told)
            except (Later, Refused, Changed) as problem:
                self.tally.last_error = str(problem)
            await asyncio.sleep(REPORT_SECONDS)

    @property
    def _event_id(self) -> str:
        assert self._own is not None
        return self._own.event_id


def _first(group: BaseExceptionGroup[Unwelcome]) -> Unwelcome:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Unwelcome)
    return found
