"""The children that read pictures, under the real service (killed and stopped: test_chaos)."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.service import ADMIN_PASSWORD, Service, running_service


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Iterator[Service]:
    """A service whose data directory PostgreSQL's user can reach."""
    folder = scratch / f"pixels-{tmp_path_factory.mktemp('pixels').name}"
    folder.mkdir()
    with running_service(folder / "var") as service:
        yield service


def children(service: Service, tasks: str) -> list[psutil.Process]:
    """Return the children of the service, or of its face service, that run these tasks."""
    found = psutil.Process(service.pid).children(recursive=True)
    return [each for each in found if tasks in command_of(each)]


def command_of(process: psutil.Process) -> list[str]:
    """Return the command of a process; nothing if it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


async def test_no_child_outlives_the_service_or_knows_its_secrets(started: Service) -> None:
    own = children(started, "findme.media.image_tasks")
    engines = children(started, "findme.engine.picture_tasks")
    assert (len(own), len(engines)) == (4, 1)
    for child in own + engines:
        environment = "\n".join(f"{name}={value}" for name, value in child.environ().items())
        assert ADMIN_PASSWORD not in environment
        assert "FINDME" not in environment
    # one of them hears nothing
    own[0].send_signal(signal.SIGSTOP)

    await asyncio.to_thread(started.kill)

    assert psutil.wait_procs(own + engines, timeout=60)[1] == []
