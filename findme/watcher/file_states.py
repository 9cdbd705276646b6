"""The state of each file of a run: on its way, or finished.

A final state is in the journal before it is reported, as long as the journal can be written.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from findme.watcher.folder import Found, Quiescence, Sight
from findme.watcher.journal import FINAL, FileEntry, FileState, UploadJournal
from findme.watcher.picture_files import Picture
from findme.watcher.reporter import Reporter, RunTally
from findme.watcher.server_checks import Checks

#: The reason for a file that disappeared before its turn.
GONE = "it is gone, and was not sent"


@dataclass(order=True, slots=True)
class Item:
    """A file on its way to the server; the lowest order goes first."""

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
        """The picture to upload, after the file was examined."""
        assert self.examined is not None
        return self.examined

    @property
    def sha256(self) -> str:
        """The hash of the bytes to upload."""
        return self.picture.sha256


class FileStates:
    """Keeps the states of the files of one run, and the counts in `tally`."""

    def __init__(self, journal: UploadJournal, reporter: Reporter, quiescence: Quiescence) -> None:
        self._journal: UploadJournal | None = journal
        self._reporter, self._quiescence = reporter, quiescence
        self.tally = RunTally()
        self.checks = Checks(self.tally, reporter)
        self._entries: dict[str, FileEntry] = {}
        #: name -> the file as it was seen, and since when it is on its way (monotonic)
        self._open: dict[str, tuple[Sight, float]] = {}
        #: name -> the file as it was last seen, of files that disappeared on their way
        self._gone: dict[str, Sight] = {}
        #: name -> the reported reason, of files that cannot be read
        self._unreadable: dict[str, str] = {}
        self._journal_reported = False

    async def begin(self, event_id: str) -> None:
        """Load the states that earlier runs recorded for the event."""
        assert self._journal is not None
        try:
            entries = await self._journal.read()
            if await self._journal.begin(event_id):
                self._entries = entries
        except sqlite3.Error as error:
            # it may still belong to another event: new entries would count as sent there
            self._journal = None
            self._report_journal(error)

    @property
    def is_done(self) -> bool:
        """Whether no file is on its way."""
        return not self._open

    def see(self, sights: Iterable[Sight], *, first: bool = False) -> None:
        """Add files that were seen; on the *first* scan, finished files count as already there."""
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
                self._quiescence.see(sight, now, wall_clock)

    def _count(self, entry: FileEntry) -> None:
        """Count a file that an earlier run finished."""
        if entry.state is FileState.REFUSED:
            self.tally.refused[entry.name] = entry.reason or ""
        elif entry.state is FileState.SKIPPED:
            self.tally.skipped += 1
        else:
            self.tally.there += 1
            self._check(entry)

    def _check(self, entry: FileEntry) -> None:
        assert entry.sha256 is not None
        self.checks.add(entry.name, entry.sha256)

    def keep_only(self, found: Found) -> None:
        """Remove all files that a scan did not find."""
        for name in self._open.keys() - {sight.name for sight in found.sights}:
            self.vanish(name)
        # a file that was renamed, or moved to `hot`, is not lost
        there = {(sight.size, sight.mtime_ns) for sight in found.sights}
        for name, sight in list(self._gone.items()):
            if (sight.size, sight.mtime_ns) in there:
                del self._gone[name], self.tally.missing[name]
        for folder, why in found.closed.items():
            if folder not in self.tally.closed:
                self._reporter.report("unreadable", folder, why)
        self.tally.closed = found.closed

    def vanish(self, name: str) -> None:
        """Record that a file disappeared on its way."""
        self._gone[name] = self._open[name][0]
        self.release(name)
        self.tally.missing[name] = GONE

    def release(self, name: str) -> None:
        """Forget a file on its way; it is added again when it is seen again."""
        self._close(name)
        self._quiescence.forget(name)

    def is_current(self, item: Item) -> bool:
        """Whether the file is still as it was when the item was made."""
        return self._open.get(item.name, (None, 0.0))[0] == item.sight

    def _is_wanted(self, item: Item) -> bool:
        """Whether the file, as the item saw it, has no final state yet, even if it disappeared."""
        return self.is_current(item) or self._gone.get(item.name) == item.sight

    def age(self, item: Item) -> float:
        """Return the seconds since a current file was first seen as it is."""
        return time.monotonic() - self._open[item.name][1]

    def unreadable(self, item: Item, error: OSError) -> None:
        """Record a file that cannot be read; the next scan tries it again."""
        if isinstance(error, FileNotFoundError):
            if self.is_current(item):
                self.vanish(item.name)
            return
        if self.is_current(item):
            self.release(item.name)
            self.tally.missing[item.name] = f"it cannot be read: {error.strerror}"
            # every scan tries it again: report it once
            if self._unreadable.get(item.name) != error.strerror:
                self._unreadable[item.name] = str(error.strerror)
                self._reporter.report("unreadable", item.name, str(error.strerror))

    def give_up(self, item: Item, why: str) -> None:
        """Give a file up for this run."""
        if self.is_current(item):
            self._close(item.name)
            self.tally.missing[item.name] = why
            self._reporter.report("missing", item.name, why)

    async def note_waiting(self, items: Sequence[Item]) -> None:
        """Record the hashes of files that the server does not have."""
        await self._note([_entry(item, FileState.WAITING) for item in items])

    async def note_there(self, items: Sequence[Item], known: Mapping[str, str]) -> None:
        """Record that the server has these files; *known* maps hashes to photo ids."""
        current = [item for item in items if self._is_wanted(item)]
        found = [_entry(i, FileState.THERE, photo_id=known[i.sha256]) for i in current]
        await self._keep(current, found)
        for entry in found:
            self.tally.there += 1
            self._check(entry)
            self._reporter.report("there", entry.name, "", photo_id=entry.photo_id)

    async def note_sent(self, item: Item, photo_id: str) -> None:
        """Record that a file was sent: the server has confirmed its hash."""
        entry = _entry(item, FileState.SENT, photo_id=photo_id)
        await self._keep([item], [entry])
        self.tally.sent += 1
        self._check(entry)
        self._reporter.report("sent", item.name, "", photo_id=photo_id, sha256=item.sha256)

    async def note_skipped(self, item: Item) -> None:
        """Record that a RAW file is skipped because its JPEG is beside it."""
        await self._keep([item], [_entry(item, FileState.SKIPPED)])
        self.tally.skipped += 1

    async def note_refused(self, items: Sequence[Item], why: str) -> None:
        """Record and report that files are rejected."""
        current = [item for item in items if self._is_wanted(item)]
        await self._keep(current, [_entry(i, FileState.REFUSED, reason=why) for i in current])
        for item in current:
            self.tally.refused[item.name] = why
            self._reporter.report("refused", item.name, why)

    async def _keep(self, items: Sequence[Item], entries: Sequence[FileEntry]) -> None:
        await self._note(entries)
        for item, entry in zip(items, entries, strict=True):
            self._entries[entry.name] = entry
            if self.is_current(item):
                self._close(entry.name)
            elif self._is_wanted(item):
                # the card was pulled after its last bytes were read
                del self._gone[entry.name], self.tally.missing[entry.name]

    async def _note(self, entries: Sequence[FileEntry]) -> None:
        """Write to the journal; if its disk is full or away, photos are sent all the same."""
        if self._journal is None:
            return
        try:
            await self._journal.note(entries)
        except sqlite3.Error as error:
            self._report_journal(error)

    def _report_journal(self, error: sqlite3.Error) -> None:
        if not self._journal_reported:
            text = f"it cannot be written ({error}); photos are sent all the same"
            self._reporter.report("journal", None, text)
        self._journal_reported = True

    def _close(self, name: str) -> None:
        self._open.pop(name, None)
        self.tally.waiting.pop(name, None)


def _is_of(entry: FileEntry, sight: Sight) -> bool:
    return (entry.size, entry.mtime_ns) == (sight.size, sight.mtime_ns)


def _entry(
    item: Item, state: FileState, *, photo_id: str | None = None, reason: str | None = None
) -> FileEntry:
    sight, sha256 = item.sight, None if item.examined is None else item.sha256
    return FileEntry(sight.name, sight.size, sight.mtime_ns, state, sha256, photo_id, reason)
