"""ZIP archives that are written while they are sent: nothing on disk, one chunk in memory.

Entries are stored, not deflated: pictures are compressed already. So the length of the archive is
known before its first byte, and stays true whatever happens while it is sent: if an entry cannot be
read to its end (its photo was deleted meanwhile), its place stays blank and it is not listed.
Programs open a ZIP by the list at its end, which says where each entry begins. If an entry is only
made when its turn comes, neither its size nor the archive's is known beforehand
(docs/decisions/0032).

The format is that of PKWARE's APPNOTE 6.3.10; the numbers in comments are its sections. Above
65,534 entries or 4 GiB it has ZIP64 records, which every current program reads.
"""

import struct
import unicodedata
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

#: Bytes of a blank place per chunk.
_BLANK: Final = bytes(256 * 1024)
#: Lines of the list per chunk.
_LINES: Final = 1000
_MOST_16: Final = 0xFFFF
_MOST_32: Final = 0xFFFFFFFF
#: Bytes of an entry's name, so that name and folder fit into any file system (255).
_MOST_NAME: Final = 200

_LOCAL: Final = struct.Struct("<4s5H3L2H")  # 4.3.7
_DESCRIPTOR: Final = struct.Struct("<4s3L")  # 4.3.9
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_END_64: Final = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR_64: Final = struct.Struct("<4sLQL")  # 4.3.15
_END: Final = struct.Struct("<4s4H2LH")  # 4.3.16
_TIME: Final = struct.Struct("<2HBl")  # extended timestamp: seconds since 1970, UTC
_OFFSET_64: Final = struct.Struct("<2HQ")  # 4.5.3
_UNIX: Final = 3
_VERSION: Final = 20
_VERSION_64: Final = 45
#: The checksum follows the bytes (bit 3), names are UTF-8 (bit 11): 4.4.4.
_FLAGS: Final = 1 << 3 | 1 << 11
_FILE_MODE: Final = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file of an archive: its name and size are known, its bytes are read when its turn comes."""

    #: With `/` between folders; see `distinct_names`.
    name: str
    #: Less than 4 GiB; None: known once it is read.
    size_bytes: int | None
    modified_at: datetime
    read: Callable[[], AsyncIterator[bytes]]

    @property
    def header_bytes(self) -> int:
        """The length of its local header."""
        return _LOCAL.size + len(self.name.encode()) + _TIME.size

    def place_bytes(self, size: int) -> int:
        """Return the length of its place with so many bytes: header, bytes, checksum."""
        return self.header_bytes + size + _DESCRIPTOR.size


def distinct_names(names: Iterable[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Return file names that any system can unpack, numbered so that each is unique in any case."""
    seen = {_same(name) for name in taken}
    result = []
    for name in map(_clean, names):
        stem, dot, suffix = name.rpartition(".") if "." in name[1:] else (name, "", "")
        candidate, number = name, 1
        while _same(candidate) in seen:
            number += 1
            candidate = f"{stem} ({number}){dot}{suffix}"
        seen.add(_same(candidate))
        result.append(candidate)
    return result


def size_of(entries: Sequence[ZipEntry]) -> int | None:
    """Return the number of bytes that `stream` yields for these entries; None: not known."""
    places, lines = 0, 0
    for entry in entries:
        if entry.size_bytes is None:
            return None
        lines += len(_central(entry, 0, 0, places, bytes(4)))
        places += entry.place_bytes(entry.size_bytes)
    zip64 = _needs_64(len(entries), places + lines)
    return places + lines + len(_end(0, 0, 0, zip64=zip64))


async def stream(entries: Sequence[ZipEntry], zone: tzinfo) -> AsyncIterator[bytes]:
    """Yield the archive; *zone* is for programs that read only local times."""
    listed: list[bytes] = []
    offset, unlisted = 0, 0
    for entry in entries:
        when = _clock(entry.modified_at.astimezone(zone))
        yield _local(entry, when)
        crc, sent = 0, 0
        async for chunk in entry.read():
            part = chunk if entry.size_bytes is None else chunk[: entry.size_bytes - sent]
            crc = zlib.crc32(part, crc)
            sent += len(part)
            yield part
        size = sent if entry.size_bytes is None else entry.size_bytes
        line = _central(entry, crc, size, offset, when)
        # no picture is empty: zero bytes mean that it is gone
        if sent == size and (sent or entry.size_bytes == 0):
            yield _DESCRIPTOR.pack(b"PK\x07\x08", crc, sent, sent)
            listed.append(line)
        else:
            for blank in _blanks(size - sent + _DESCRIPTOR.size):
                yield blank
            unlisted += len(line)
        offset += entry.place_bytes(size)
    # the bytes of missing entries' lines stand blank before the list
    for blank in _blanks(unlisted):
        yield blank
    offset += unlisted
    length = sum(map(len, listed))
    # in chunks: the lines of some thousand photos are a few hundred KB
    for start in range(0, len(listed), _LINES):
        yield b"".join(listed[start : start + _LINES])
    zip64 = _needs_64(len(entries), offset + length)
    yield _end(len(listed), offset, length, zip64=zip64)


def _blanks(size: int) -> Iterator[bytes]:
    while size > 0:
        yield _BLANK[:size]
        size -= len(_BLANK)


def _needs_64(entries: int, end: int) -> bool:
    """Whether an archive of so many entries, whose list ends there, needs ZIP64 records."""
    return entries >= _MOST_16 or end >= _MOST_32


def _clean(name: str) -> str:
    """Return a name without characters that some system forbids."""
    composed = unicodedata.normalize("NFC", name)
    kept = "".join(
        "_" if char in '/\\:*?"<>|' or unicodedata.category(char) in ("Cc", "Cs") else char
        for char in composed
    ).strip(" .")
    stem, dot, suffix = kept.rpartition(".") if "." in kept else (kept, "", "")
    room = _MOST_NAME - len(f"{dot}{suffix}".encode())
    if room < 1:  # all suffix
        stem, dot, suffix, room = kept, "", "", _MOST_NAME
    # cut between characters, not within one
    short = stem.encode()[:room].decode(errors="ignore")
    return f"{short or 'photo'}{dot}{suffix}"


def _same(name: str) -> str:
    """Return the form in which names are equal that are one on Windows or macOS."""
    return unicodedata.normalize("NFD", name).casefold()


def _clock(when: datetime) -> bytes:
    """Return a time as MS-DOS writes it: 1980 to 2107, in steps of two seconds."""
    if not 1980 <= when.year <= 2107:
        when = when.replace(year=1980 if when.year < 1980 else 2107)
    return struct.pack(
        "<2H",
        when.hour << 11 | when.minute << 5 | when.second // 2,
        (when.year - 1980) << 9 | when.month << 5 | when.day,
    )


def _utc(when: datetime) -> bytes:
    """Return the extra field with the time in UTC, to the second (until 2038)."""
    seconds = max(-(2**31), min(2**31 - 1, int(when.timestamp())))
    return _TIME.pack(0x5455, 5, 1, seconds)


def _local(entry: ZipEntry, when: bytes) -> bytes:
    name = entry.name.encode()
    time, date = struct.unpack("<2H", when)
    # 4.4.4: with bit 3 checksum and sizes are zero here
    head = _LOCAL.pack(
        b"PK\x03\x04", _VERSION, _FLAGS, 0, time, date, 0, 0, 0, len(name), _TIME.size
    )
    return head + name + _utc(entry.modified_at)


def _central(entry: ZipEntry, crc: int, size: int, offset: int, when: bytes) -> bytes:
    name = entry.name.encode()
    time, date = struct.unpack("<2H", when)
    extra, version = _utc(entry.modified_at), _VERSION
    if offset >= _MOST_32:
        extra += _OFFSET_64.pack(1, 8, offset)
        offset, version = _MOST_32, _VERSION_64
    head = _CENTRAL.pack(
        b"PK\x01\x02",
        _UNIX << 8 | version,
        version,
        _FLAGS,
        0,
        time,
        date,
        crc,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _FILE_MODE,
        offset,
    )
    return head + name + extra


def _end(count: int, offset: int, length: int, *, zip64: bool) -> bytes:
    """Return the end of an archive: its list has *count* lines, *length* bytes from *offset* on."""
    end = _END.pack(
        b"PK\x05\x06",
        0,
        0,
        min(count, _MOST_16),
        min(count, _MOST_16),
        min(length, _MOST_32),
        min(offset, _MOST_32),
        0,
    )
    if not zip64:
        return end
    record = _END_64.pack(
        b"PK\x06\x06",
        _END_64.size - 12,
        _UNIX << 8 | _VERSION_64,
        _VERSION_64,
        0,
        0,
        count,
        count,
        length,
        offset,
    )
    return record + _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + length, 1) + end
