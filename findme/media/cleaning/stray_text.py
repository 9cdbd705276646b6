"""Notices text behind the pixels of a coded picture, where decoders overlook it.

Where coded pixels end is known only to a decoder. But they look random: so long a run of letters
and signs, with so many different ones, is in one of 100,000 pictures by chance.
"""

import re
from typing import Final

from findme.pixels.header import Bytes, Reason, Refused

#: Bytes before the end that are looked at.
_TAIL: Final = 4096
_DIFFERENT: Final = 8
_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{20,}")


def refuse(data: Bytes, start: int, stop: int) -> None:
    """Raise Refused if there is text at the end of the coded pixels from *start* to *stop*."""
    tail = data[max(start, stop - _TAIL) : stop]
    # flat areas repeat a few bytes
    if any(len(set(run)) >= _DIFFERENT for run in _RUN.findall(tail)):
        raise Refused(Reason.UNREADABLE, "text among pixels")
