"""Some four hundred inputs that nobody should send: each gets its answer, and costs little."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.bad_inputs import files, forms, values, wire
from tests.support.bad_inputs.sending import Target, answer_to
from tests.support.scripted_guests import until
from tests.support.service import Service
from tests.support.watching import Desk, desk_of

#: Megabytes that the server itself may take, with all of these inputs behind it.
MOST_MEGABYTES = 300


@pytest.fixture
async def desk(service: Service) -> AsyncIterator[Desk]:
    """An event of the running service, which is deleted afterwards."""
    async with desk_of(service) as opened:
        yield opened
        await opened.call("DELETE", f"/api/admin/events/{opened.event_id}")


@pytest.fixture
async def target(service: Service, desk: Desk) -> Target:
    """An event of the running service that admits guests by their names alone."""
    port = int(service.url.rpartition(":")[2])
    path = f"/api/admin/events/{desk.event_id}"
    event = await desk.call("PATCH", path, json={"accounts": "optional"})
    return Target(port, desk.admin, desk.event_id, event["code"])


def inputs(target: Target) -> dict[str, tuple[bytes, str]]:
    """Return what is sent, and the answer."""
    found = wire.requests()
    for kind in (values, forms, files):
        for what, (request, answer) in kind.requests().items():
            found[what] = request.as_bytes(target), answer
    return found


async def test_every_bad_input_gets_its_answer_and_costs_little(
    service: Service, desk: Desk, target: Target
) -> None:
    sent = inputs(target)
    assert len(sent) == len({data for data, _ in sent.values()}) > 300
    # the highest mark of memory begins anew
    Path(f"/proc/{service.pid}/clear_refs").write_text("5")

    wrong = {
        what: f"{got} instead of {answer}"
        for what, (data, answer) in sent.items()
        for got in [await answer_to(target, data)]
        if got != answer
    }

    assert wrong == {}

    async def looked_at() -> bool:
        return all(photo["state"] in ("indexed", "failed") for photo in await desk.photos())

    await until(looked_at, seconds=120)
    failed = [photo for photo in await desk.photos() if photo["state"] == "failed"]
    assert [photo["filename"] for photo in failed] == [files.DAMAGED_NAME] * len(files.DAMAGED)
    assert all(photo["error"] for photo in failed)
    status = Path(f"/proc/{service.pid}/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]
    assert peak < MOST_MEGABYTES
    log = service.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
