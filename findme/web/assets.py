"""The files of static/: read once at the start, compressed once, named by their version.

The version stands in the path (/static/3f2a91c0/app.css), not in a query: relative references in
style sheets and modules (fonts, further modules) then have it too, without a build step.
"""

import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from findme.paths import STATIC

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
#: Already compressed.
PACKED = frozenset({".png", ".woff2"})


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and compressed."""

    body: bytes
    media_type: str
    gzipped: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by their path below static/."""

    version: str
    files: Mapping[str, Asset]

    def url(self, path: str) -> str:
        """Return where a file is served; KeyError if there is none, so that a typo shows."""
        if path not in self.files:
            raise KeyError(path)
        return f"/static/{self.version}/{path}"


ASSETS = web.AppKey("ASSETS", Assets)


@functools.cache
def read_assets(folder: Path = STATIC) -> Assets:
    """Read every file whose type is known, once a process.

    The version is a digest of all names and bytes.
    """
    digest = hashlib.sha256()
    files: dict[str, Asset] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in MEDIA_TYPES:
            continue
        name, body = path.relative_to(folder).as_posix(), path.read_bytes()
        digest.update(f"{name} {len(body)}\n".encode() + body)
        # the same bytes at each start: no time in the header
        packed = None if path.suffix in PACKED else gzip.compress(body, 9, mtime=0)
        files[name] = Asset(body, MEDIA_TYPES[path.suffix], packed)
    return Assets(digest.hexdigest()[:8], files)


def setup_assets(app: web.Application) -> None:
    """Read the files and serve them."""
    app[ASSETS] = read_assets()
    app.router.add_get("/static/{version}/{path:.+}", serve)


async def serve(request: web.Request) -> web.Response:
    """Answer with one file; cacheable for ever if the version is ours, else revalidated."""
    assets = request.app[ASSETS]
    asset = assets.files.get(request.match_info["path"])
    if asset is None:
        raise web.HTTPNotFound
    ours = request.match_info["version"] == assets.version
    headers = {
        "Content-Type": asset.media_type,
        # a page from before an upgrade asks for the old version: it gets the new one, unstored
        "Cache-Control": "public, max-age=31536000, immutable" if ours else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if asset.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=asset.gzipped, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=asset.body, headers=headers)
