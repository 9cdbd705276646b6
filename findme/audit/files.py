"""The files of the data directory: what was left behind, and texts in their bytes."""

import os
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from findme.audit.finding import Finding
from findme.embedded.postgres_home import MAJOR
from findme.media.resumable_uploads import KEPT_SECONDS

#: Seconds after which no request still fills its spool folder.
SPOOL_SECONDS = 3600.0
#: Seconds that the service takes to remove what is due.
GRACE_SECONDS = 300.0
#: Bytes per read.
PIECE = 2**20


def leftovers(data_dir: Path, event_ids: Collection[int]) -> list[Finding]:
    """Return spool files, partial uploads and folders that nothing needs; blocks."""
    now = time.time()
    found = [
        Finding("spool file of no request", str(path.relative_to(data_dir)))
        for path in _children(data_dir / "spool")
        if path.stat().st_mtime < now - SPOOL_SECONDS
    ]
    known = {str(event_id) for event_id in event_ids}
    for folder in _children(data_dir / "partial"):
        if folder.name not in known:
            found.append(Finding("partial upload of no event", str(folder.relative_to(data_dir))))
            continue
        found += [
            Finding("partial upload that nobody continued", str(path.relative_to(data_dir)))
            for path in _children(folder)
            if path.stat().st_mtime < now - KEPT_SECONDS - GRACE_SECONDS
        ]
    unfinished = data_dir / f"postgres-{MAJOR}.unfinished"
    if unfinished.exists():
        found.append(Finding("database that was never finished", unfinished.name))
    return found


def find_texts(data_dir: Path, texts: Sequence[str]) -> list[Finding]:
    """Return the files that hold a text as it is, in small or in capital letters; blocks.

    What PostgreSQL has compressed (values above 2 kB) is not seen here, but in the database.
    """
    needles = {
        form.encode() for text in texts for form in (text, text.lower(), text.upper(), text.title())
    }
    if not needles:
        return []
    return [
        Finding("text in a file", str(path.relative_to(data_dir)))
        for path in _files(data_dir)
        if _holds(path, needles)
    ]


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _files(folder: Path) -> Iterator[Path]:
    # the database may be elsewhere, behind a link (embedded.postgres_home)
    for root, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(root) / name for name in sorted(names))


def _holds(path: Path, needles: Collection[bytes]) -> bool:
    overlap = max(len(needle) for needle in needles) - 1
    try:
        if not path.is_file():  # a socket
            return False
        with path.open("rb") as file:
            kept = b""
            while piece := file.read(PIECE):
                window = kept + piece
                if any(needle in window for needle in needles):
                    return True
                kept = window[-overlap:]
    except FileNotFoundError:  # removed meanwhile
        return False
    return False
