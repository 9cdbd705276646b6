"""How guests' photo bytes are asked for: etags and ranges, read strictly."""

import pytest
from aiohttp.test_utils import make_mocked_request

from findme.models import ImageId, StoredImage
from findme.web.streaming import etags_of, range_of

IMAGE = StoredImage(ImageId(1), "image/jpeg", 1000, "ab" * 32)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-", range(1000)),
        ("bytes=999-", range(999, 1000)),
        ("bytes=-1", range(999, 1000)),
        ("bytes=-5000", range(1000)),
        ("bytes=0-5000", range(1000)),
        ("bytes=1000-", range(1000, 1000)),
        ("bytes=7-3", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=1-2,4-5", None),
        ("", None),
    ],
)
def test_one_range_of_bytes_is_understood(asked: str, wanted: range | None) -> None:
    request = make_mocked_request("GET", "/", headers={"Range": asked})
    assert range_of(request, IMAGE, '"e"') == wanted


def test_etags_are_compared_weakly() -> None:
    assert etags_of('"a", W/"b" ,"c"') == {'"a"', '"b"', '"c"'}
