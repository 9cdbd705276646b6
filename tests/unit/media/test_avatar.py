"""The small face in the top bar."""

import io

from PIL import Image

from findme.media.avatar import AVATAR_SIDE, avatar


def test_an_avatar_is_the_middle_of_the_selfie() -> None:
    """A square of its middle, whatever the selfie's shape; light enough for every page."""
    for size in ((600, 800), (1600, 900), (80, 80)):
        selfie = Image.new("RGB", size, "#ff0000")
        middle = (size[0] // 2 - 20, size[1] // 2 - 20, size[0] // 2 + 20, size[1] // 2 + 20)
        selfie.paste("#0000ff", middle)
        out = io.BytesIO()
        selfie.save(out, "JPEG", quality=95)

        small = avatar(out.getvalue())

        with Image.open(io.BytesIO(small)) as made:
            assert made.size == (AVATAR_SIDE, AVATAR_SIDE)
            red, _, blue = made.convert("RGB").getpixel((AVATAR_SIDE // 2, AVATAR_SIDE // 2 + 2))  # type: ignore[misc]  # an RGB picture gives three
            assert blue > red
        assert len(small) < 6000
