"""The page as an app: what the manifest names is there, in the sizes that it says."""

import io
from typing import Any

import orjson
import pytest
from PIL import Image

from findme.paths import STATIC, TEMPLATES
from tests.support.icons import ICONS, draw


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads((STATIC / "site.webmanifest").read_bytes())
    return read


def test_the_manifest_has_what_browsers_ask_for(manifest: dict[str, Any]) -> None:
    assert {"id", "name", "short_name", "start_url", "scope", "display", "icons"} <= set(manifest)
    assert manifest["start_url"].startswith(manifest["scope"])
    assert manifest["display"] == "standalone"


def test_every_icon_is_there_in_its_size(manifest: dict[str, Any]) -> None:
    sizes = set()
    for icon in manifest["icons"]:
        assert (STATIC / icon["src"]).is_file()
        if icon["type"] == "image/png":
            with Image.open(STATIC / icon["src"]) as opened:
                assert opened.format == "PNG"
                assert icon["sizes"] == f"{opened.width}x{opened.height}"
            sizes.add((icon["sizes"], icon.get("purpose", "any")))
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= sizes


@pytest.mark.parametrize(("name", "pixels", "fills", "scale"), ICONS)
def test_the_icons_are_those_of_the_drawing(
    name: str, pixels: int, fills: bool, scale: float
) -> None:
    """Whoever changes icon.svg draws the others anew: python -m tests.support.icons."""
    drawn = draw(pixels, fills=fills, scale=scale).resize((16, 16)).convert("RGBA").tobytes()
    with Image.open(io.BytesIO((STATIC / name).read_bytes())) as opened:
        kept = opened.convert("RGBA").resize((16, 16)).tobytes()
    assert max(abs(a - b) for a, b in zip(drawn, kept, strict=True)) <= 24


def test_what_phones_cut_into_shape_has_no_transparent_corner() -> None:
    for name, _, fills, _ in ICONS:
        with Image.open(STATIC / name) as opened:
            alpha = opened.convert("RGBA").getpixel((0, 0))
        assert isinstance(alpha, tuple)
        assert (alpha[3] == 255) is fills


def test_pages_name_the_manifest_and_apples_icon() -> None:
    base = (TEMPLATES / "base.html").read_text("utf-8")
    assert 'rel="manifest"' in base
    assert 'rel="apple-touch-icon"' in base
    assert base.count('name="theme-color"') == 2
