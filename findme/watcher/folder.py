"""A watched folder: scanning it, its change events, and files that are quiescent."""

import asyncio
import logging
import os
import stat as modes
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import watchfiles

from findme.watcher.picture_files import is_picture, is_raw

log = logging.getLogger(__name__)

#: Files in a sub-folder of this name are sent first.
HOT = "hot"
#: A RAW file must be still this many times longer: its JPEG may be written after it.
RAW_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it was seen; if its size or time differs, it has changed."""

    #: The path below the folder, with slashes.
    name: str
    size: int
    mtime_ns: int

    @property
    def is_hot(self) -> bool:
        """Whether it is in a `hot` folder."""
        return HOT in self.name.lower().split("/")[:-1]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a scan."""

    sights: list[Sight]
    #: path -> why, of folders that cannot be read
    closed: dict[str, str]


def look(root: Path) -> Found:
    """Return the pictures in a folder and below it, and which folders cannot be read."""
    closed: dict[str, str] = {}
    every = (look_at(root, Path(path)) for path in _walk(str(root), closed))
    sights = [sight for sight in every if sight is not None]
    if str(root) not in closed:
        closed = {Path(path).relative_to(root).as_posix(): why for path, why in closed.items()}
    return Found(sights, closed)


def look_at(root: Path, path: Path) -> Sight | None:
    """Return a file as it is now; None if it is no picture, hidden or gone."""
    try:
        name = path.relative_to(root).as_posix()
    except ValueError:
        return None
    if not is_picture(name) or any(part.startswith(".") for part in name.split("/")):
        return None
    return stat(root, name)


def stat(root: Path, name: str) -> Sight | None:
    """Return a file as it is now; None if it is gone, or no file."""
    try:
        about = (root / name).stat()
    except OSError:  # gone, or on a card that was pulled
        return None
    # a folder may be called album.jpg; reading a pipe would block for ever
    if not modes.S_ISREG(about.st_mode):
        return None
    return Sight(name, about.st_size, about.st_mtime_ns)


def _walk(folder: str, closed: dict[str, str], *, is_root: bool = True) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            every = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        # a sub-folder that was removed during the scan is no error
        if is_root or not isinstance(error, FileNotFoundError):
            closed[folder] = f"this folder cannot be read: {error.strerror}"
        return
    for entry in every:
        if entry.name.startswith("."):
            continue
        # links to folders may form a cycle
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, closed, is_root=False)
        elif is_picture(entry.name):
            yield entry.path


async def changes(root: Path, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
    """Yield the paths that the system reports as changed; none if it cannot report any."""
    while not stop.is_set():
        try:
            async for found in watchfiles.awatch(
                root, stop_event=stop, step=50, debounce=400, ignore_permission_denied=True
            ):
                yield {Path(path) for _, path in found}
        except (OSError, RuntimeError) as error:
            # a card that was pulled, or a share without events: the rescans are enough
            log.debug("[Watcher] no events of %s: %s", root, error)
            await asyncio.sleep(2)


class Quiescence:
    """Waits until files are quiescent: their size and time have not changed for a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        #: name -> the file as it was seen, and when it is ready (monotonic)
        self._due: dict[str, tuple[Sight, float]] = {}

    def see(self, sight: Sight, now: float, wall_clock: float) -> None:
        """Add a file as it was seen; *now* is monotonic, *wall_clock* the clock of file times."""
        wait = self._seconds * (RAW_PATIENCE if is_raw(sight.name) else 1)
        age = wall_clock - sight.mtime_ns / 1e9
        # an old file is ready at once, as after a restart; a future time means nothing
        self._due[sight.name] = (sight, now if age >= wait else now + wait)

    def again(self, sight: Sight, now: float) -> None:
        """Wait once more for a file that was not complete."""
        self._due[sight.name] = (sight, now + self._seconds)

    def forget(self, name: str) -> None:
        """Stop waiting for a file."""
        self._due.pop(name, None)

    def ready(self, now: float) -> list[Sight]:
        """Remove and return the files that are quiescent."""
        found = [sight for sight, due in self._due.values() if due <= now]
        for sight in found:
            del self._due[sight.name]
        return found
