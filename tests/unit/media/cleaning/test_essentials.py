"""The essentials: from which field they come, and that they hold nothing else."""

import pytest
from PIL import Image

from findme.media.cleaning import exif_block
from findme.media.cleaning.essentials import Essentials
from tests.support.talkative_pictures import CREDIT, NOTICE, SECRET, iptc, xmp

ORIGINAL, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x0132
ZONE, FRACTION = 0x9011, 0x9291


def kept(essentials: Essentials) -> dict[int, object]:
    """Return what an EXIF block says by tag, as another reader reads it."""
    tags = Image.Exif()
    tags.load(b"Exif\0\0" + essentials.as_exif())
    found = {**tags.get_ifd(0x8769), **tags}
    # Pillow reads texts as Latin-1
    return {
        tag: value.encode("latin-1").decode() if isinstance(value, str) else value
        for tag, value in found.items()
    }


def of_exif(outer: dict[int, object], inner: dict[int, object]) -> dict[int, object]:
    tags = Image.Exif()
    tags.update(outer)
    tags.get_ifd(0x8769).update(inner)
    essentials = Essentials()
    essentials.read_exif(tags.tobytes())
    return kept(essentials)


@pytest.mark.parametrize(
    ("inner", "outer", "clock", "zone", "fraction"),
    [
        ({ORIGINAL: "2026:06:13 21:30:00"}, {}, "2026:06:13 21:30:00", None, None),
        ({ORIGINAL: "2026-06-13T21:30:05.25+0200"}, {}, "2026:06:13 21:30:05", "+02:00", "25"),
        ({ORIGINAL: "2026:06:13 21:30"}, {}, "2026:06:13 21:30:00", None, None),
        ({ORIGINAL: "2026:06:13 21:30:00Z"}, {}, "2026:06:13 21:30:00", "+00:00", None),
        ({ORIGINAL: "    :  :     :  :  ", DIGITIZED: "2026:06:13 21:30:00"}, {},
         "2026:06:13 21:30:00", None, None),
        ({ORIGINAL: "0000:00:00 00:00:00"}, {CHANGED: "2026:06:13 21:30:00"},
         "2026:06:13 21:30:00", None, None),
        ({ORIGINAL: SECRET.decode(), ZONE: SECRET.decode(), FRACTION: "5"}, {}, None, None, None),
        ({ORIGINAL: "2026:06:13 21:30:00", ZONE: "Paris", FRACTION: "x"}, {},
         "2026:06:13 21:30:00", None, None),
    ],
)  # fmt: skip
def test_a_time_is_kept_in_its_own_form(
    inner: dict[int, object],
    outer: dict[int, object],
    clock: str | None,
    zone: str | None,
    fraction: str | None,
) -> None:
    found = of_exif(outer, inner)

    assert found.get(ORIGINAL) == clock
    assert (found.get(ZONE), found.get(FRACTION)) == (zone, fraction)


def test_credit_and_copyright_come_from_iptc_and_xmp_too() -> None:
    essentials = Essentials()
    essentials.read_photoshop(iptc().removeprefix(b"Photoshop 3.0\0"))
    essentials.read_xmp(xmp())
    essentials.read_xmp(
        b"<dc:creator><rdf:Seq><rdf:li>A &amp; B</rdf:li></rdf:Seq></dc:creator>"
        b"<xmp:CreateDate>2026-06-13T21:30:00</xmp:CreateDate>"
    )

    found = kept(essentials)

    assert found[0x013B] == f"{CREDIT}; A & B"
    assert found[0x8298] == NOTICE
    assert found[ORIGINAL] == "2026:06:13 21:30:00"
    assert SECRET not in essentials.as_exif()


@pytest.mark.parametrize("orientation", [0, 1, 9, 300])
def test_a_picture_without_essentials_has_no_exif(orientation: int) -> None:
    essentials = Essentials()
    essentials.read_exif(exif_block.write({exif_block.ORIENTATION: orientation}))
    assert essentials.as_exif() == b""


def test_a_long_text_is_cut_and_has_one_line() -> None:
    found = of_exif({0x013B: "Léa\r\nMartin\t".encode() + b"x" * 900}, {})
    assert str(found[0x013B]).startswith("Léa Martin xxx")
    assert len(str(found[0x013B])) == 500
