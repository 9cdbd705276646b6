"""Lines that are written during a request or a job carry its id."""

import logging
from collections.abc import Iterator

import pytest

from findme import logs
from tests.conftest import App
from tests.support.helpers import make_event, upload
from tests.support.no_engine_app import app, settings
from tests.support.pictures import drawn

__all__ = ["app", "settings"]


class Kept(logging.Handler):
    """Keeps the records, with the ids that the log's own handler would write."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(logs.Ids())
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[list[logging.LogRecord]]:
    handler, logger = Kept(), logging.getLogger("findme")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)
    logger.setLevel(before)


async def test_a_line_names_the_request_it_was_written_in(
    app: App, kept: list[logging.LogRecord]
) -> None:
    event = await make_event(app)
    kept.clear()
    for serial in (1, 2):
        await upload(app, event, f"{serial}.jpg", drawn(serial))
    lines = [record for record in kept if "enqueued (queue size" in record.getMessage()]
    ids = [getattr(record, "request_id", None) for record in lines]
    assert len(set(ids)) == len(ids) == 2
    assert None not in ids
    answer = await app.client.get("/healthz")
    assert answer.headers["X-Request-Id"] not in ids
