"""The small face in the top bar."""

import io

from PIL import Image

from findme.media.avatar import AVATAR_SIDE, PORTRAIT_SIDE, avatar, portrait


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


def test_a_portrait_is_the_whole_selfie_wherever_the_face_is() -> None:
    for size in ((1200, 1600), (80, 60)):
        selfie = Image.new("RGB", size, "#ff0000")
        selfie.paste("#0000ff", (0, 0, size[0], size[1] // 4))
        out = io.BytesIO()
        selfie.save(out, "JPEG", quality=95)

        with Image.open(io.BytesIO(portrait(out.getvalue()))) as made:
            assert max(made.size) == min(PORTRAIT_SIDE, max(size))
            assert abs(made.width / made.height - size[0] / size[1]) < 0.02
            red, _, blue = made.convert("RGB").getpixel((made.width // 2, made.height // 8))  # type: ignore[misc]  # an RGB picture gives three
            assert blue > red
