"""Page templates that are compiled once a test run, and not once for each application."""

import jinja2
from aiohttp import web
from jinja2.bccache import Bucket

from findme.web.rendering import ENVIRONMENTS


class _Memory(jinja2.BytecodeCache):
    """What one language's templates were compiled to (filters of constants are part of it)."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


_by_language: dict[str, _Memory] = {}


def share_compiled_templates(app: web.Application) -> None:
    """Let the application use what others of the run have compiled."""
    for code, key in app[ENVIRONMENTS].items():
        app[key].bytecode_cache = _by_language.setdefault(code, _Memory())
