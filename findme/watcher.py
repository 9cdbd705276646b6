"""A folder becomes uploads: every picture in it is on the server once, whatever happens meanwhile.

A file goes from hand to hand: seen → at rest → examined (complete? its hash) → asked for → sent.
The journal keeps what became of it; everything else here can be lost at any moment.
"""

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from findme import watcher_files, watcher_folder
from findme.journal import FINAL, Entry, FileState, Journal
from findme.watcher_files import NotYet, Picture
from findme.watcher_folder import Rest, Sight
from findme.watcher_pace import MOST_TRIES, Pace, jittered
from findme.watcher_report import Tally, Teller
from findme.watcher_server import MOST_HASHES, Changed, Later, Own, Refused, Server, Unwelcome

#: Seconds between two looks for what has come to rest.
TICK = 0.1
#: Seconds that hashes are collected before they are asked for together.
GATHER = 0.2
#: Seconds between two reports to the server.
REPORT_SECONDS = 15.0
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


@dataclass(order=True, slots=True)
class _Item:
    """A file on its way; the first in order goes first."""

    order: tuple[int, int]
    sight: Sight = field(compare=False)
    picture: Picture | None = field(compare=False, default=None)
    tries: int = field(compare=False, default=0)


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
        self._root, self._journal, self._server = root, journal, server
        self._teller, self._options, self._only = teller, options, only
        self.tally = Tally()
        self._entries: dict[str, Entry] = {}
        #: name -> the state of it that is on its way, and since when (monotonic)
        self._open: dict[str, tuple[Sight, float]] = {}
        self._rest = Rest(options.settle)
        self._to_examine: asyncio.PriorityQueue[_Item] = asyncio.PriorityQueue()
        self._to_ask: asyncio.Queue[_Item] = asyncio.Queue()
        self._to_send: asyncio.PriorityQueue[_Item] = asyncio.PriorityQueue()
        #: hash -> what has the same bytes as a file that is being sent
        self._twins: dict[str, list[_Item]] = {}
        self._own: Own | None = None
        self._pace = Pace(once=options.once, on_trouble=self._trouble)
        self._scanned = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop*, or with `once` until all is done; Unwelcome ends it as well."""
        self._entries = await self._journal.read()
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
        return self._options.once and self._scanned and not self._open

    async def _work(self) -> None:
        self._own = await self._pace.keep_trying(self._server.own)
        own = self._own
        self._teller.tell("event", None, f"{own.event_name} ({own.label})", event_id=own.event_id)
        if not await self._journal.begin(own.event_id):
            self._entries = {}
        loops: list[Coroutine[Any, Any, None]] = [self._see(), self._settle(), self._ask()]
        loops += [self._report()]
        loops += [self._examine() for _ in range(EXAMINERS)]
        loops += [self._send() for _ in range(self._options.parallel)]
        if not self._options.once:
            loops.append(self._hear())
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)

    # -- seen -------------------------------------------------------------------------------------

    async def _see(self) -> None:
        """Look at everything, again and again: events are missed, and cards come back."""
        while True:
            found = await asyncio.to_thread(self._look)
            self._note_sights(found)
            names = {sight.name for sight in found}
            for name in [name for name in self._open if name not in names]:
                self._let_go(name)
            self._scanned = True
            await asyncio.sleep(self._options.rescan)

    def _look(self) -> list[Sight]:
        if self._only is None:
            return watcher_folder.look(self._root)
        every = (watcher_folder.stat(self._root, name) for name in self._only)
        return [sight for sight in every if sight is not None]

    async def _hear(self) -> None:
        """Look at what the system says has changed."""
        async for paths in watcher_folder.changes(self._root, asyncio.Event()):
            every = [watcher_folder.look_at(self._root, path) for path in paths]
            self._note_sights(sight for sight in every if sight is not None)

    def _note_sights(self, sights: Iterable[Sight]) -> None:
        now, wall_clock = time.monotonic(), time.time()
        for sight in sights:
            entry = self._entries.get(sight.name)
            same = entry is not None and (entry.size, entry.mtime_ns) == (
                sight.size,
                sight.mtime_ns,
            )
            if entry is not None and same and entry.state in FINAL:
                if not self._scanned:
                    self._count_old(entry)
                continue
            if sight.name in self._open and self._open[sight.name][0] == sight:
                continue
            self._open[sight.name] = (sight, now)
            self.tally.waiting[sight.name] = sight.size
            self.tally.refused.pop(sight.name, None)
            self.tally.missing.pop(sight.name, None)
            self._rest.see(sight, now, wall_clock)

    def _count_old(self, entry: Entry) -> None:
        """Count what an earlier run has dealt with."""
        if entry.state is FileState.REFUSED:
            self.tally.refused[entry.name] = entry.reason or ""
        elif entry.state is FileState.SKIPPED:
            self.tally.skipped += 1
        else:
            self.tally.there += 1

    def _let_go(self, name: str) -> None:
        """Let go of a file that is not there any more; it is seen again when it comes back."""
        del self._open[name]
        self._rest.forget(name)
        self.tally.waiting.pop(name, None)

    def _is_current(self, item: _Item) -> bool:
        return self._open.get(item.sight.name, (None, 0.0))[0] == item.sight

    # -- at rest, examined, asked for -----------------------------------------------------------

    async def _settle(self) -> None:
        while True:
            for sight in self._rest.ready(time.monotonic()):
                # live, people wait for what was just taken; a pass tells the evening in order
                age = sight.mtime_ns if self._options.once else -sight.mtime_ns
                self._to_examine.put_nowait(_Item((0 if sight.is_hot else 1, age), sight))
            await asyncio.sleep(TICK)

    async def _examine(self) -> None:
        while True:
            item = await self._to_examine.get()
            if not self._is_current(item):
                continue
            name, path = item.sight.name, self._root / item.sight.name
            if watcher_files.is_raw(name) and watcher_files.has_jpeg_beside(path):
                self.tally.skipped += 1
                await self._finish(item, FileState.SKIPPED)
                continue
            try:
                item.picture = await asyncio.to_thread(watcher_files.examine, path)
            except NotYet as problem:
                if time.monotonic() - self._open[name][1] > self._options.patience:
                    await self._refuse(item, f"{problem}")
                else:
                    self._rest.again(item.sight, time.monotonic())
                continue
            except OSError as error:
                self._lost(item, error)
                continue
            await self._to_ask.put(item)

    def _lost(self, item: _Item, error: OSError) -> None:
        """Let go of a file that cannot be read; the next look sees it again where it is there."""
        name = item.sight.name
        if self._is_current(item):
            self._let_go(name)
        if not isinstance(error, FileNotFoundError):
            self.tally.missing[name] = f"it cannot be read: {error.strerror}"
            self._teller.tell("unreadable", name, str(error.strerror))

    async def _ask(self) -> None:
        """Ask for many hashes at once, and send on what the server has not got."""
        while True:
            items = [await self._to_ask.get()]
            await asyncio.sleep(GATHER)
            while not self._to_ask.empty() and len(items) < MOST_HASHES:
                items.append(self._to_ask.get_nowait())
            hashes = sorted({_picture(item).sha256 for item in items})
            ask = partial(self._server.known, self._event_id, hashes)
            known = await self._pace.keep_trying(ask)
            there = [item for item in items if _picture(item).sha256 in known]
            await self._finish_there(there, known)
            missing = [item for item in items if _picture(item).sha256 not in known]
            await self._journal.note([_entry(item, FileState.WAITING) for item in missing])
            for item in missing:
                sha256 = _picture(item).sha256
                if sha256 in self._twins:
                    self._twins[sha256].append(item)
                else:
                    self._twins[sha256] = []
                    self._to_send.put_nowait(item)

    async def _finish_there(self, items: Sequence[_Item], known: dict[str, str]) -> None:
        found = [
            _entry(item, FileState.THERE, photo_id=known[_picture(item).sha256])
            for item in items
            if self._is_current(item)
        ]
        await self._journal.note(found)
        for entry in found:
            self._entries[entry.name] = entry
            self.tally.there += 1
            self._teller.tell("there", entry.name, "", photo_id=entry.photo_id)
            self._close(entry.name)

    # -- sent -------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await asyncio.sleep(self._pace.closed_s)
            item = await self._to_send.get()
            if self._pace.closed_s:
                self._to_send.put_nowait(item)
                continue
            picture = _picture(item)
            if watcher_folder.stat(self._root, item.sight.name) != item.sight:
                self._give_back(item)
                continue
            try:
                sent = await self._server.send(self._event_id, picture, self.tally.moved)
            except Changed:
                self._give_back(item)
            except Refused as problem:
                await self._refuse(item, str(problem))
                for twin in self._twins.pop(picture.sha256):
                    await self._refuse(twin, str(problem))
            except OSError as error:
                self._give_back(item)
                self._lost(item, error)
            except Later as problem:
                self._try_again(item, problem)
            else:
                self._pace.went_well()
                twins = self._twins.pop(picture.sha256)
                await self._finish_sent(item, sent.photo_id, duplicate=sent.duplicate)
                await self._finish_there(twins, {picture.sha256: sent.photo_id})

    async def _finish_sent(self, item: _Item, photo_id: str, *, duplicate: bool) -> None:
        picture = _picture(item)
        state = FileState.THERE if duplicate else FileState.SENT
        if duplicate:
            self.tally.there += 1
        else:
            self.tally.sent += 1
        self._teller.tell(state, item.sight.name, "", photo_id=photo_id, sha256=picture.sha256)
        await self._finish(item, state, photo_id=photo_id)

    def _give_back(self, item: _Item) -> None:
        """Look again at a file that is not what it was; whoever has the same bytes sends them."""
        twins = self._twins.pop(_picture(item).sha256)
        for twin in twins:
            self._to_ask.put_nowait(twin)
        if self._is_current(item):
            self._let_go(item.sight.name)
            seen = watcher_folder.stat(self._root, item.sight.name)
            if seen is not None:
                self._note_sights([seen])

    def _try_again(self, item: _Item, problem: Later) -> None:
        """Put a file back for later: after its own wait, or when the server is there again."""
        self._pace.note(problem)
        item.tries += 1
        if self._options.once and item.tries >= MOST_TRIES:
            self._give_up(item, str(problem))
            return
        # trouble with the server is everybody's; trouble with this file is its own
        alone = not problem.offline and problem.after is None
        delay = jittered(item.tries) if alone else 0.0
        asyncio.get_running_loop().call_later(delay, self._to_send.put_nowait, item)

    def _give_up(self, item: _Item, why: str) -> None:
        for each in [item, *self._twins.pop(_picture(item).sha256)]:
            name = each.sight.name
            if self._is_current(each):
                self._close(name)
                self.tally.missing[name] = why
                self._teller.tell("missing", name, why)

    def _trouble(self, why: str) -> None:
        if self.tally.last_error != why:
            self._teller.tell("later", None, why)
        self.tally.errors += 1
        self.tally.last_error = why

    # -- done -------------------------------------------------------------------------------------

    async def _refuse(self, item: _Item, why: str) -> None:
        if not self._is_current(item):
            return
        self.tally.refused[item.sight.name] = why
        self._teller.tell("refused", item.sight.name, why)
        await self._finish(item, FileState.REFUSED, reason=why)

    async def _finish(
        self,
        item: _Item,
        state: FileState,
        *,
        photo_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep what became of a file; it is on the disk before the file is done."""
        entry = _entry(item, state, photo_id=photo_id, reason=reason)
        await self._journal.note([entry])
        self._entries[entry.name] = entry
        if self._is_current(item):
            self._close(entry.name)

    def _close(self, name: str) -> None:
        self._open.pop(name, None)
        self.tally.waiting.pop(name, None)

    async def _report(self) -> None:
        """Tell the server how far we are; that it does not hear it is no trouble."""
        while True:
            tally = self.tally
            told = {
                "backlog": len(tally.waiting),
                "backlog_bytes": sum(tally.waiting.values()),
                "bytes_per_s": round(tally.bytes_per_s),
                "sent": tally.sent,
                "there": tally.there,
                "refused": len(tally.refused),
                "errors": tally.errors,
                "clock_ahead_s": self._server.clock_ahead_s,
                "last_error": tally.last_error,
            }
            try:
                await self._server.report(told)
            except (Later, Refused, Changed) as problem:
                tally.last_error = str(problem)
            await asyncio.sleep(REPORT_SECONDS)

    @property
    def _event_id(self) -> str:
        assert self._own is not None
        return self._own.event_id


def _picture(item: _Item) -> Picture:
    assert item.picture is not None
    return item.picture


def _entry(item: _Item, state: FileState, **more: str | None) -> Entry:
    sha256 = None if item.picture is None else item.picture.sha256
    sight = item.sight
    return Entry(sight.name, sight.size, sight.mtime_ns, state, sha256=sha256, **more)


def _first(group: BaseExceptionGroup[Unwelcome]) -> Unwelcome:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Unwelcome)
    return found
