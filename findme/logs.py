"""The log's format: lines for people, or JSON with the ids of request, job and event.

The code that begins a request or a job sets the ids once; every line that any module logs meanwhile
has them in its JSON. The sentences are the same in both formats.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger(__name__)

REQUEST_ID: ContextVar[str | None] = ContextVar("REQUEST_ID", default=None)
JOB_ID: ContextVar[str | None] = ContextVar("JOB_ID", default=None)
EVENT_ID: ContextVar[str | None] = ContextVar("EVENT_ID", default=None)
_IDS = {"request_id": REQUEST_ID, "job_id": JOB_ID, "event_id": EVENT_ID}

TEXT = "%(asctime)s %(levelname)s %(message)s"


class Ids(logging.Filter):
    """Adds the ids of the current request or job to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids that are known; keep every record."""
        for name, variable in _IDS.items():
            value = variable.get()
            if value is not None:
                setattr(record, name, value)
        return True


def configure(form: str, stream: TextIO | None = None) -> None:
    """Log to *stream* (standard error) as `text` or as `json`; a second call replaces the first."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(Ids())
    handler.setFormatter(logging.Formatter(TEXT) if form == "text" else _json())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # the AWS client would log every call
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger("aiobotocore").setLevel(logging.WARNING)
    # we log a lost database in one line; the pool would add a traceback
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    sys.excepthook = _note_uncaught
    threading.excepthook = _note_thread


def _json() -> logging.Formatter:
    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )


def _note_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log the exception that ends the program, in the log's own format."""
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("[Shutdown] Uncaught: %s", error, exc_info=(kind, error, trace))


def _note_thread(uncaught: threading.ExceptHookArgs) -> None:
    name = uncaught.thread.name if uncaught.thread else "a thread"
    log.error("[Thread] %s ended: %s", name, uncaught.exc_value, exc_info=uncaught.exc_value)


@contextmanager
def within(
    *, request_id: str | None = None, job_id: object = None, event_id: object = None
) -> Iterator[None]:
    """Add these ids to the lines that the block logs."""
    given = {REQUEST_ID: request_id, JOB_ID: job_id, EVENT_ID: event_id}
    tokens = [
        (variable, variable.set(str(value)))
        for variable, value in given.items()
        if value is not None
    ]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)
