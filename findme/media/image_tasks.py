"""What the server's children do with pictures; the other end of `image_workers`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from io import BytesIO

import pillow_heif
from PIL import Image, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from findme.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from findme.media import avatar, face_crop, face_pictures, images
from findme.media.cleaning import cleaner
from findme.media.images import Source
from findme.models import Box
from findme.pixels import memory
from findme.pixels.header import Header, Reason, Refused
from findme.pixels.sealed_files import opened
from findme.pixels.task import Arguments, Need, Result, Task

# imported for the formats that they register; otherwise Pillow would import all that it knows
_PLUGINS = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)

#: A second thread would only take the memory that the first one needs.
pillow_heif.options.DECODE_THREADS = 1


def _probe(file: int, arguments: Arguments) -> Result:
    found = images.probe(file, arguments["max_pixels"], zone=None)
    return Result(
        {
            "media_type": found.media_type,
            "width": found.width,
            "height": found.height,
            "taken_at": None if found.taken_at is None else found.taken_at.isoformat(),
        }
    )


def _render(file: int, arguments: Arguments) -> Result:
    made = images.render(file, arguments["max_pixels"])
    return Result(
        {"placeholder": made.placeholder, "width": made.width, "height": made.height},
        (made.analysis, made.preview, made.thumb),
    )


def _selfie(file: int, arguments: Arguments) -> Result:
    return Result({}, [images.selfie(file, arguments["max_pixels"])])


def _closer(file: int, arguments: Arguments) -> Result:
    return Result({}, [images.closer(file, arguments["max_pixels"])])


def _guest_rendition(file: int, arguments: Arguments) -> Result:
    limit, side, mark = arguments["max_pixels"], arguments["side"], arguments["watermark"]
    exif = cleaner.credits_of(file) if arguments["credited"] else b""
    return Result({}, [images.guest_rendition(file, limit, side, mark, exif)])


def _clean(file: int, _arguments: Arguments) -> Result:
    made = cleaner.clean(file)
    return Result({"size_bytes": made.size_bytes, "digest": made.digest}, [made.plan])


def _avatar(file: int, _arguments: Arguments) -> Result:
    return Result({}, [avatar.avatar(_whole(file))])


def _portrait(file: int, _arguments: Arguments) -> Result:
    return Result({}, [avatar.portrait(_whole(file))])


def _face_crop(file: int, arguments: Arguments) -> Result:
    return Result({}, [face_crop.cut_out(_whole(file), Box(**arguments["box"]))])


def _face_pictures(file: int, arguments: Arguments) -> Result:
    made = face_pictures.cut_out(
        file,
        arguments["max_pixels"],
        [Box(**box) for box in arguments["boxes"]],
        arguments["wanted"],
        side=arguments["side"],
        around=arguments["around"],
    )
    # one file for all: a message carries few
    return Result(
        {"pictures": [{"size": len(each.jpeg), "place": asdict(each.place)} for each in made]},
        [b"".join(each.jpeg for each in made)],
    )


def _whole(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _to_probe(header: Header, arguments: Arguments) -> Need:
    """Take what opening takes; refuse now what could not be rendered later."""
    _check_pixels(header, arguments)
    return Need(memory.to_open(header), memory.to_make(header, images.ANALYSIS_SIDE))


def _to_make(side: int) -> Callable[[Header, Arguments], Need]:
    def need(header: Header, arguments: Arguments) -> Need:
        _check_pixels(header, arguments)
        wanted = memory.to_make(header, side)
        return Need(wanted, wanted)

    return need


def _to_cut_faces(header: Header, arguments: Arguments) -> Need:
    return _to_make(arguments["side"])(header, arguments)


def _to_make_for_guests(header: Header, arguments: Arguments) -> Need:
    _check_pixels(header, arguments)
    wanted = memory.to_make(header, arguments["side"], remain=1.0)
    return Need(wanted, wanted)


def _to_clean(header: Header, _arguments: Arguments) -> Need:
    wanted = memory.to_scan(header)
    return Need(wanted, wanted)


def _check_pixels(header: Header, arguments: Arguments) -> None:
    if header.pixels > arguments["max_pixels"]:
        raise Refused(Reason.TOO_MANY_PIXELS)


def _translated(run: Callable[[int, Arguments], Result]) -> Callable[[int, Arguments], Result]:
    """Return the task with our errors as reasons: the parent writes its sentences itself."""

    def translated(file: int, arguments: Arguments) -> Result:
        try:
            return run(file, arguments)
        except UnsupportedImage as error:
            raise Refused(Reason.UNSUPPORTED) from error
        except ImageTooLarge as error:
            raise Refused(Reason.TOO_MANY_PIXELS) from error
        except UnreadableImage as error:
            cut_off = str(error) == images.CUT_OFF
            raise Refused(Reason.CUT_OFF if cut_off else Reason.UNREADABLE) from error

    return translated


#: An avatar, a portrait and a cut-out face are made from pictures that were made here.
TASKS: Mapping[str, Task] = {
    name: Task(need, _translated(run))
    for name, need, run in (
        ("probe", _to_probe, _probe),
        ("render", _to_make(images.ANALYSIS_SIDE), _render),
        ("selfie", _to_make(images.SELFIE_SIDE), _selfie),
        ("closer", _to_make(images.CLOSE_SIDE), _closer),
        ("guest_rendition", _to_make_for_guests, _guest_rendition),
        ("clean", _to_clean, _clean),
        ("avatar", _to_make(images.PREVIEW_SIDE), _avatar),
        ("portrait", _to_make(images.PREVIEW_SIDE), _portrait),
        ("face_crop", _to_make(images.PREVIEW_SIDE), _face_crop),
        ("face_pictures", _to_cut_faces, _face_pictures),
    )
}


def warm_up() -> None:
    """Take a small picture of each format through every step."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8769] = {0x9003: "2026:06:01 12:00:00"}
    for kind in ("JPEG", "PNG", "WEBP"):
        out = BytesIO()
        Image.new("RGB", (400, 300), "#808080").save(out, kind, exif=exif)
        with opened(out.getvalue()) as file:
            _warm(file)


def _warm(source: Source) -> None:
    limit = 400 * 300
    images.probe(source, limit)
    made = images.render(source, limit)
    images.guest_rendition(source, limit, 100, "FindMe")
    cleaner.clean(source)
    face_crop.cut_out(avatar.avatar(made.analysis), Box(0.2, 0.2, 0.5, 0.5))
