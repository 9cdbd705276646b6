"""The face service as a supervised child: the real one, and scripted ones for bad behaviour."""

import asyncio
import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiobotocore.session import get_session

from findme.embedded.face_service import EngineProcess, open_engine
from findme.errors import StartError

#: Answers every GET with what it knows about itself; `?die=N` ends it with exit code N.
SERVER = """
import argparse, http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = self.path.partition("die=")[2]
        if code:
            os._exit(int(code))
        body = json.dumps([os.getpid(), os.getsid(0), sys.argv[1:], dict(os.environ)]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

parser = argparse.ArgumentParser()
parser.add_argument("--host")
parser.add_argument("--port", type=int)
parser.add_argument("--data-dir")
options = parser.parse_args()
server = http.server.HTTPServer((options.host, options.port), Handler)
print("warming up")
print(f"FindMe faces is ready: http://{options.host}:{server.server_port}", flush=True)
server.serve_forever()
"""
#: A FindMe that runs a child, says its pid, and waits to be killed.
KEEPER = """
import asyncio, sys
from pathlib import Path
from findme.embedded.face_service import open_engine

async def main(data_dir, *command):
    async with open_engine(Path(data_dir), command=command) as engine:
        print(engine.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def scripted(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


async def ask(http: aiohttp.ClientSession, engine: EngineProcess) -> list[object]:
    async with http.get(engine.endpoint_url) as response:
        answer = json.loads(await response.text())
        assert isinstance(answer, list)
        return answer


async def come_back(http: aiohttp.ClientSession, engine: EngineProcess, *, times: int = 1) -> None:
    """Return once the service has come back *times* times; asking it is what passes the time."""
    async with asyncio.timeout(60):
        while engine.restarts < times:
            with suppress(aiohttp.ClientError):
                async with http.get(f"{engine.endpoint_url}/healthz") as response:
                    await response.read()


async def test_the_real_service_survives_a_kill_with_address_keys_and_data(
    tmp_path: Path, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        open_engine(tmp_path) as engine,
        get_session().create_client(
            "rekognition",
            endpoint_url=engine.endpoint_url,
            region_name=engine.region,
            aws_access_key_id=engine.access_key_id,
            aws_secret_access_key=engine.secret_access_key,
        ) as client,
    ):
        await client.create_collection(CollectionId="event-1")
        first = engine.pid
        os.kill(first, signal.SIGKILL)
        await come_back(http, engine)

        assert engine.pid != first
        assert (await client.list_collections())["CollectionIds"] == ["event-1"]
    assert "ended with exit code -9" in caplog.text
    assert not is_alive(engine.pid)


async def test_a_child_gets_its_keys_its_folder_and_a_session_of_its_own(
    tmp_path: Path, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FINDME_ADMIN_PASSWORD", "DATABASE_URL", "SMTP_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a secret")
    async with open_engine(tmp_path, command=scripted(SERVER)) as engine:
        pid, session, arguments, environment = await ask(http, engine)

    assert pid == session == engine.pid
    assert arguments == [
        "--data-dir",
        str(tmp_path / "faces"),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    assert isinstance(environment, dict)
    assert environment["FINDME_FACES_ACCESS_KEY_ID"] == engine.access_key_id
    assert environment["FINDME_FACES_SECRET_ACCESS_KEY"] == engine.secret_access_key
    assert environment["FINDME_FACES_PARENT_PID"] == str(os.getpid())
    assert "a secret" not in environment.values()
    assert environment["PATH"] == os.environ["PATH"]
    assert engine.secret_access_key not in repr(engine)
    assert stat.S_IMODE((tmp_path / "faces").stat().st_mode) == 0o700


async def test_each_death_is_reported_and_the_pause_grows(
    tmp_path: Path, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_engine(tmp_path, command=scripted(SERVER)) as engine:
        for times in (1, 2):
            with suppress(aiohttp.ClientError):
                await http.get(f"{engine.endpoint_url}/?die={times}")
            await come_back(http, engine, times=times)

    assert "ended with exit code 1: starting it again in 0.2 s" in caplog.text
    assert "ended with exit code 2: starting it again in 0.4 s" in caplog.text


async def test_a_child_that_cannot_come_back_at_once_is_tried_again(
    tmp_path: Path, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The second start of three fails."""
    refusing_once = f"""
import pathlib, sys
starts = pathlib.Path({str(tmp_path / "starts")!r})
number = int(starts.read_text()) + 1 if starts.exists() else 1
starts.write_text(str(number))
if number == 2:
    sys.exit("the port is taken")
"""
    async with open_engine(tmp_path, command=scripted(refusing_once + SERVER)) as engine:
        os.kill(engine.pid, signal.SIGKILL)
        await come_back(http, engine)

    assert "before it could answer: the port is taken: trying again in 0.4 s" in caplog.text


async def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "faces.log").write_text("an older story\n")
    program = "import sys; print('the weights are missing', file=sys.stderr); sys.exit(4)"

    with pytest.raises(StartError, match=r"exit code 4 .*: the weights are missing$"):
        async with open_engine(tmp_path, command=scripted(program)):
            pass
    with pytest.raises(StartError, match=r"cannot be started: .*no-such-program"):
        async with open_engine(tmp_path, command=(str(tmp_path / "no-such-program"),)):
            pass


async def test_a_service_that_is_never_ready_is_given_up_and_ended(tmp_path: Path) -> None:
    program = """
import os, signal, sys
print(f"process {os.getpid()} waits", file=sys.stderr, flush=True)
signal.pause()
"""
    with pytest.raises(
        StartError, match=r"could not answer within 2 s: process \d+ waits"
    ) as refusal:
        async with open_engine(tmp_path, startup_timeout=2, command=scripted(program)):
            pass

    pid = re.search(r"process (\d+)", str(refusal.value))
    assert pid is not None
    assert not is_alive(int(pid[1]))


async def test_a_child_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("findme.embedded.face_service.STOP_SECONDS", 0.2)
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
    async with open_engine(tmp_path, command=scripted(program)) as engine:
        assert is_alive(engine.pid)

    assert not is_alive(engine.pid)


def test_a_kill_of_findme_ends_the_child(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KEEPER, str(tmp_path), *scripted(SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout is not None
        try:
            child = os.pidfd_open(int(keeper.stdout.readline()))
        finally:
            keeper.kill()
    try:
        ended, _, _ = select.select([child], [], [], 30)
    finally:
        os.close(child)
    assert ended


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
