"""A plan: the pieces of which a clean file consists, spans of the stored one and bytes between."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from findme.pixels.header import Reason, Refused

#: Bytes of a stored plan: it is read whenever the file is sent.
MOST_PLAN: Final = 512 * 1024
MOST_PIECES: Final = 20_000
#: Spans that begin before the end of an earlier one: each may read a stored chunk once more.
MOST_JUMPS: Final = 100


class Span(NamedTuple):
    """The bytes *start* to *stop* (exclusive) of the stored file."""

    start: int
    stop: int


Piece = Span | bytes


class Draft:
    """A plan that is being made; neighbours are joined."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        #: Bytes of the clean file so far.
        self.size = 0
        self._written = 0
        self._jumps = 0
        self._end = 0

    def keep(self, start: int, stop: int) -> None:
        """Append a span of the file."""
        if start >= stop:
            return
        self._jumps += start < self._end
        self._end = stop
        last = self.pieces[-1] if self.pieces else b""
        if isinstance(last, Span) and last.stop == start:
            self.pieces[-1] = Span(last.start, stop)
        else:
            self.pieces.append(Span(start, stop))
        self.size += stop - start
        self._check()

    def write(self, content: bytes) -> None:
        """Append bytes; Refused if there are more than a plan may have."""
        if not content:
            return
        last = self.pieces[-1] if self.pieces else Span(0, 0)
        if isinstance(last, bytes):
            self.pieces[-1] = last + content
        else:
            self.pieces.append(content)
        self.size += len(content)
        self._written += len(content)
        self._check()

    def add(self, pieces: Iterable[Piece]) -> None:
        """Append pieces."""
        for piece in pieces:
            if isinstance(piece, Span):
                self.keep(*piece)
            else:
                self.write(piece)

    def _check(self) -> None:
        stored = self._written + 32 * len(self.pieces)
        if max(len(self.pieces) / MOST_PIECES, stored / MOST_PLAN, self._jumps / MOST_JUMPS) > 1:
            raise Refused(Reason.TOO_COMPLEX, "a plan of too many pieces")


def to_bytes(pieces: Sequence[Piece]) -> bytes:
    """Write a plan as it is stored."""
    return msgspec.msgpack.encode(pieces)


def from_bytes(stored: bytes) -> list[Piece]:
    """Read what `to_bytes` wrote; msgspec.DecodeError for anything else."""
    return msgspec.msgpack.decode(stored, type=list[Span | bytes])


def length_of(pieces: Iterable[Piece]) -> int:
    """Return the bytes of the clean file."""
    return sum(
        piece.stop - piece.start if isinstance(piece, Span) else len(piece) for piece in pieces
    )


def is_orderly(pieces: Iterable[Piece], size: int) -> bool:
    """Whether all spans are in a file of *size* bytes, and few of them before an earlier one."""
    jumps, end = 0, 0
    for piece in pieces:
        if isinstance(piece, Span):
            if not 0 <= piece.start < piece.stop <= size:
                return False
            jumps += piece.start < end
            end = piece.stop
    return jumps <= MOST_JUMPS


def cut(pieces: Iterable[Piece], start: int, stop: int) -> list[Piece]:
    """Return the pieces of the bytes *start* to *stop* of the clean file."""
    result: list[Piece] = []
    begin = 0
    for piece in pieces:
        end = begin + length_of((piece,))
        first, last = max(start, begin) - begin, min(stop, end) - begin
        if first < last:
            if isinstance(piece, Span):
                result.append(Span(piece.start + first, piece.start + last))
            else:
                result.append(piece[first:last])
        begin = end
    return result
