"""In which zone a camera's clock is read."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from findme.media import images
from tests.support.pictures import drawn


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2026:07:14 23:30:00", "", datetime(2026, 7, 14, 21, 30, tzinfo=UTC)),
        ("2026:12:14 23:30:00", "", datetime(2026, 12, 14, 22, 30, tzinfo=UTC)),
        # what the camera itself says wins over the event's zone
        ("2026:07:14 23:30:00", "+09:00", datetime(2026, 7, 14, 14, 30, tzinfo=UTC)),
        ("2026:07:14 23:30:00", "+00:00", datetime(2026, 7, 14, 23, 30, tzinfo=UTC)),
        ("2026:07:14 23:30:00", "nonsense", datetime(2026, 7, 14, 21, 30, tzinfo=UTC)),
        # the hour that spring leaves out: the camera was not put forward
        ("2026:03:29 01:59:59", "", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026:03:29 02:30:00", "", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026:03:29 03:00:00", "", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # the hour that autumn has twice: the first one
        ("2026:10:25 02:30:00", "", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026:10:25 03:00:00", "", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        # before the calendar begins, in UTC
        ("0001:01:01 00:00:00", "", None),
    ],
)
def test_a_clock_is_read_in_the_zone_of_the_event(
    tmp_path: Path, taken: str, offset: str, expected: datetime | None
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: taken, 0x9011: offset} if offset else {0x9003: taken})
    path = tmp_path / "a.jpg"
    Image.open(BytesIO(drawn(1))).save(path, exif=exif)

    assert images.probe(path, 10**8, ZoneInfo("Europe/Paris")).taken_at == expected
