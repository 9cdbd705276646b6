"""What a watcher knows of each file: what became of it, or that it is on its way.

What became of a file is in the journal before anybody is told, as long as there is one.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from findme.watcher.folder import Found, Rest, Sight
from findme.watcher.journal import FINAL, Entry, FileState, Journal
from findme.watcher.picture_files import Picture
from findme.watcher.reporter import Tally, Teller
from findme.watcher.server_checks import Checks

#: Why a file is missing that was seen, and was not there any more when its turn came.
GONE = "it is gone, and was not sent"


@dataclass(order=True, slots=True)
class Item:
    """A file on its way; the first in order goes first."""

    order: tuple[int, int]
    sight: Sight = field(compare=False)
    examined: Picture | None = field(compare=False, default=None)
    tries: int = field(compare=False, default=0)

    @property
    def name(self) -> str:
        """The file's path below the folder."""
        return self.sight.name

    @property
    def picture(self) -> Picture:
        """What is uploaded of it, once it was examined."""
        assert self.examined is not None
        return self.examined

    @property
    def sha256(self) -> str:
        """The hash of what is uploaded."""
        return self.picture.sha256


class Books:
    """The files of one run."""

    def __init__(self, journal: Journal, teller: Teller, rest: Rest) -> None:
        self._journal: Journal | None = journal
        self._teller, self._rest = teller, rest
        self.tally = Tally()
        self.checks = Checks(self.tally, teller)
        self._entries: dict[str, Entry] = {}
        #: name -> the state of it that is on its way, and since when (monotonic)
        self._open: dict[str, tuple[Sight, float]] = {}
        #: name -> how it was when it went away, of files that were on their way
        self._gone: dict[str, Sight] = {}
        #: name -> why, of files that cannot be read, as it was told
        self._unreadable: dict[str, str] = {}
        self._journal_told = False

    async def begin(self, event_id: str) -> None:
        """Take up what earlier runs noted of the event."""
        assert self._journal is not None
        try:
            entries = await self._journal.read()
            if await self._journal.begin(event_id):
                self._entries = entries
        except sqlite3.Error as error:
            # it may be of another event still: what is noted there now would be taken for sent
            self._journal = None
            self._tell_journal(error)

    @property
    def is_done(self) -> bool:
        """Whether nothing is on its way."""
        return not self._open

    def see(self, sights: Iterable[Sight], *, first: bool = False) -> None:
        """Take in what is seen; on the *first* look what is done already counts as there."""
        now, wall_clock = time.monotonic(), time.time()
        for sight in sights:
            entry = self._entries.get(sight.name)
            if entry is not None and entry.state in FINAL and _is_of(entry, sight):
                if first:
                    self._count(entry)
            elif self._open.get(sight.name, (None, now))[0] != sight:
                self._open[sight.name] = (sight, now)
                self.tally.waiting[sight.name] = sight.size
                self.tally.refused.pop(sight.name, None)
                self.tally.missing.pop(sight.name, None)
                self._gone.pop(sight.name, None)
                self.checks.forget(sight.name)
                self._rest.see(sight, now, wall_clock)

    def _count(self, entry: Entry) -> None:
        """Count what an earlier run has dealt with."""
        if entry.state is FileState.REFUSED:
            self.tally.refused[entry.name] = entry.reason or ""
        elif entry.state is FileState.SKIPPED:
            self.tally.skipped += 1
        else:
            self.tally.there += 1
            self._check(entry)

    def _check(self, entry: Entry) -> None:
        assert entry.sha256 is not None
        self.checks.add(entry.name, entry.sha256)

    def keep_only(self, found: Found) -> None:
        """Let go of all files but these: the others are not there any more."""
        for name in self._open.keys() - {sight.name for sight in found.sights}:
            self.vanish(name)
        # who renames a file, or moves it to `hot`, has not lost it
        there = {(sight.size, sight.mtime_ns) for sight in found.sights}
        for name, sight in list(self._gone.items()):
            if (sight.size, sight.mtime_ns) in there:
                del self._gone[name], self.tally.missing[name]
        for folder, why in found.closed.items():
            if folder not in self.tally.closed:
                self._teller.tell("unreadable", folder, why)
        self.tally.closed = found.closed

    def vanish(self, name: str) -> None:
        """Let go of a file that was on its way and is not there any more."""
        self._gone[name] = self._open[name][0]
        self.let_go(name)
        self.tally.missing[name] = GONE

    def let_go(self, name: str) -> None:
        """Let go of a file; it is taken up again when it is seen again."""
        self._close(name)
        self._rest.forget(name)

    def is_current(self, item: Item) -> bool:
        """Whether the file is still as it was when the item was made."""
        return self._open.get(item.name, (None, 0.0))[0] == item.sight

    def _is_wanted(self, item: Item) -> bool:
        """Whether nothing is known yet of the file as it was, be it there or gone."""
        return self.is_current(item) or self._gone.get(item.name) == item.sight

    def age(self, item: Item) -> float:
        """Return the seconds since a current file was first seen as it is."""
        return time.monotonic() - self._open[item.name][1]

    def unreadable(self, item: Item, error: OSError) -> None:
        """Let go of a file that cannot be read; the next look takes it up again if it is there."""
        if isinstance(error, FileNotFoundError):
            if self.is_current(item):
                self.vanish(item.name)
            return
        if self.is_current(item):
            self.let_go(item.name)
            self.tally.missing[item.name] = f"it cannot be read: {error.strerror}"
            # it is tried again at each look
            if self._unreadable.get(item.name) != error.strerror:
                self._unreadable[item.name] = str(error.strerror)
                self._teller.tell("unreadable", item.name, str(error.strerror))

    def give_up(self, item: Item, why: str) -> None:
        """Let go of a file for this run."""
        if self.is_current(item):
            self._close(item.name)
            self.tally.missing[item.name] = why
            self._teller.tell("missing", item.name, why)

    async def note_waiting(self, items: Sequence[Item]) -> None:
        """Keep the hashes of files that the server has not got."""
        await self._note([_entry(item, FileState.WAITING) for item in items])

    async def note_there(self, items: Sequence[Item], known: Mapping[str, str]) -> None:
        """Keep that the server has these files; *known* names the photos by hash."""
        current = [item for item in items if self._is_wanted(item)]
        found = [_entry(i, FileState.THERE, photo_id=known[i.sha256]) for i in current]
        await self._keep(current, found)
        for entry in found:
            self.tally.there += 1
            self._check(entry)
            self._teller.tell("there", entry.name, "", photo_id=entry.photo_id)

    async def note_sent(self, item: Item, photo_id: str) -> None:
        """Keep that a file was sent: the server has named its hash."""
        entry = _entry(item, FileState.SENT, photo_id=photo_id)
        await self._keep([item], [entry])
        self.tally.sent += 1
        self._check(entry)
        self._teller.tell("sent", item.name, "", photo_id=photo_id, sha256=item.sha256)

    async def note_skipped(self, item: Item) -> None:
        """Keep that a RAW file has its JPEG beside it."""
        await self._keep([item], [_entry(item, FileState.SKIPPED)])
        self.tally.skipped += 1

    async def note_refused(self, items: Sequence[Item], why: str) -> None:
        """Keep that files will not be taken, and tell why."""
        current = [item for item in items if self._is_wanted(item)]
        await self._keep(current, [_entry(i, FileState.REFUSED, reason=why) for i in current])
        for item in current:
            self.tally.refused[item.name] = why
            self._teller.tell("refused", item.name, why)

    async def _keep(self, items: Sequence[Item], entries: Sequence[Entry]) -> None:
        await self._note(entries)
        for item, entry in zip(items, entries, strict=True):
            self._entries[entry.name] = entry
            if self.is_current(item):
                self._close(entry.name)
            elif self._is_wanted(item):
                # its last bytes were on their way when the card was pulled
                del self._gone[entry.name], self.tally.missing[entry.name]

    async def _note(self, entries: Sequence[Entry]) -> None:
        """Write to the journal; a disk that is full or away stops nobody from sending photos."""
        if self._journal is None:
            return
        try:
            await self._journal.note(entries)
        except sqlite3.Error as error:
            self._tell_journal(error)

    def _tell_journal(self, error: sqlite3.Error) -> None:
        if not self._journal_told:
            text = f"it cannot be written ({error}); photos are sent all the same"
            self._teller.tell("journal", None, text)
        self._journal_told = True

    def _close(self, name: str) -> None:
        self._open.pop(name, None)
        self.tally.waiting.pop(name, None)


def _is_of(entry: Entry, sight: Sight) -> bool:
    return (entry.size, entry.mtime_ns) == (sight.size, sight.mtime_ns)


def _entry(
    item: Item, state: FileState, *, photo_id: str | None = None, reason: str | None = None
) -> Entry:
    sight, sha256 = item.sight, None if item.examined is None else item.sha256
    return Entry(sight.name, sight.size, sight.mtime_ns, state, sha256, photo_id, reason)
