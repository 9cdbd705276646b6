"""Estimates of memory, from headers alone."""

import pytest

from findme.pixels import memory
from findme.pixels.header import Header, Kind
from findme.pixels.memory import MIB


def header(megapixels: int, kind: Kind = Kind.JPEG, **more: object) -> Header:
    """Return the header of a square picture."""
    side = int((megapixels * 1e6) ** 0.5)
    made = Header(kind, side, side)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "honest",
    [
        header(200),
        header(100, progressive=True, samples=1.5, scans=10),
        header(24, progressive=True, samples=3.0, scans=10),
        header(50, Kind.HEIC),
        header(48, Kind.PNG),
        header(24, Kind.PNG, alpha=True),
        header(24, Kind.WEBP),
    ],
)
def test_what_cameras_and_phones_make_fits_into_544_mib(honest: Header) -> None:
    assert memory.to_make(honest, 3000) < 544 * MIB


def test_a_heic_of_48_megapixels_is_a_selfie() -> None:
    assert memory.to_make(header(48, Kind.HEIC), 1600) < 448 * MIB


@pytest.mark.parametrize(
    "bomb",
    [
        header(196, Kind.WEBP),
        header(196, Kind.PNG, alpha=True),
        header(196, Kind.HEIC),
        header(196, progressive=True, samples=3.0, scans=10),
        header(196, scans=3, samples=3.0),
    ],
)
def test_bombs_do_not(bomb: Header) -> None:
    assert memory.to_make(bomb, 3000) > 544 * MIB
    assert memory.to_make(bomb, 1600) > 448 * MIB


def test_full_size_takes_more_than_a_preview() -> None:
    for kind in Kind:
        assert memory.to_make(header(24, kind), None) > memory.to_make(header(24, kind), 1600)


def test_a_webp_takes_memory_as_soon_as_it_is_opened() -> None:
    assert memory.to_open(header(196, Kind.WEBP)) > 1000 * MIB
    assert memory.to_open(header(196)) < 10 * MIB


def test_metadata_counts() -> None:
    plain, rich = header(1), header(1, metadata=20 * MIB)

    for estimate in (memory.to_open, memory.to_scan, lambda each: memory.to_make(each, 1600)):
        assert estimate(rich) >= estimate(plain) + 80 * MIB
