"""Colour profiles with nothing but what colours need (ICC.1:2022, section 7).

Profiles of screens name the maker, the model and the serial number of the screen in private tags.
"""

import struct
from typing import Final

#: Bytes of a profile; the largest ones of printing presses have 3 MB.
MOST_PROFILE: Final = 8 * 1024**2
_HEADER: Final = 128
_MOST_TAGS: Final = 200
#: The fourth byte of a tag that comes in several kinds is its number.
_KEPT: Final = frozenset(
    b"desc cprt wtpt bkpt rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC chad chrm lumi meas view tech cicp "
    b"gamt A2B0 A2B1 A2B2 A2B3 B2A0 B2A1 B2A2 B2A3 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3 pre0 "
    b"pre1 pre2 rig0 rig2".split()
)


def clean(profile: bytes) -> bytes:
    """Return a profile with the tags that colours need: the same one if it has no others.

    b"" if it is none; readers overlook such a profile.
    """
    if len(profile) < _HEADER + 4 or profile[36:40] != b"acsp":
        return b""
    declared, count = int.from_bytes(profile[:4], "big"), int.from_bytes(profile[128:132], "big")
    if not _HEADER + 4 <= declared <= len(profile) or count > _MOST_TAGS:
        return b""
    whole, profile = profile, profile[:declared]
    table = profile[132 : 132 + 12 * count]
    if len(table) != 12 * count:
        return b""
    tags = [
        (tag, start, size)
        for tag, start, size in struct.iter_unpack(">4sLL", table)
        if tag in _KEPT and start + size <= declared
    ]
    if len(tags) == count and len(whole) == declared and _is_covered(tags, 132 + 12 * count, whole):
        return whole
    return _packed(profile, tags)


def _is_covered(tags: list[tuple[bytes, int, int]], begin: int, profile: bytes) -> bool:
    """Whether nothing stands between or behind the tags but zeros for padding."""
    end = begin
    for _, start, size in sorted(tags, key=lambda tag: tag[1]):
        if start > end + 3 or any(profile[end:start]):
            return False
        end = max(end, start + size)
    return len(profile) <= end + 3 and not any(profile[end:])


def _packed(profile: bytes, tags: list[tuple[bytes, int, int]]) -> bytes:
    table, values = b"", b""
    begin = _HEADER + 4 + 12 * len(tags)
    places: dict[tuple[int, int], int] = {}
    for tag, start, size in tags:
        if (start, size) not in places:
            places[start, size] = begin + len(values)
            values += profile[start : start + size] + bytes(-size % 4)
        table += struct.pack(">4sLL", tag, places[start, size], size)
    # without its id, a digest of the whole profile
    header = struct.pack(">L", begin + len(values)) + profile[4:84] + bytes(16) + bytes(28)
    return header + struct.pack(">L", len(tags)) + table + values
