"""What the face service's child does: decode one picture, and hand its pixels over."""

import os
from collections.abc import Mapping
from io import BytesIO

# imported for what it registers: Pillow would import it with the first such picture
from PIL import Image, MpoImagePlugin

from findme.engine.decoding import LEAST_SIDE, MAX_PIXELS, WORKING_SIDE, open_picture
from findme.engine.errors import ImageTooLargeException, Refusal
from findme.pixels import memory
from findme.pixels.header import Header, Kind, Reason, Refused
from findme.pixels.task import Arguments, Need, Result, Task

DECODE = "decode"
_PLUGINS = (MpoImagePlugin,)


def _need(header: Header, _arguments: Arguments) -> Need:
    if header.kind not in (Kind.JPEG, Kind.PNG):
        raise Refused(Reason.UNSUPPORTED)
    if header.pixels > MAX_PIXELS:
        raise Refused(Reason.TOO_MANY_PIXELS)
    if min(header.width, header.height) < LEAST_SIDE:
        raise Refused(Reason.TOO_FEW_PIXELS)
    wanted = memory.to_decode(header, WORKING_SIDE)
    return Need(wanted, wanted)


def _decode(file: int, _arguments: Arguments) -> Result:
    try:
        picture = open_picture(os.pread(file, os.fstat(file).st_size, 0))
    except ImageTooLargeException as refusal:
        raise Refused(Reason.TOO_MANY_PIXELS) from refusal
    except Refusal as refusal:
        raise Refused(Reason.UNREADABLE) from refusal
    return Result({"width": picture.width, "height": picture.height}, [picture.tobytes()])


TASKS: Mapping[str, Task] = {DECODE: Task(_need, _decode)}


def warm_up() -> None:
    """Decode a small picture of each format."""
    for kind in ("JPEG", "PNG"):
        out = BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (400, 300), "#808080").save(out, kind, exif=exif)
        open_picture(out.getvalue()).tobytes()
