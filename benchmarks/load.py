"""Load by wrk, and what it cost the server."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

#: The core of the server that is measured, and that of the load.
SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = 32


@dataclass(frozen=True)
class Sample:
    """One run of the load."""

    per_second: float
    p99_ms: float
    #: Microseconds of CPU of the server, for each request.
    cpu_us: float
    #: Bytes of bodies and headers a second.
    bytes_per_second: float


class LoadError(Exception):
    """The load met something else than success."""


def find_wrk() -> str:
    """Return wrk's path; LoadError if it is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadError("wrk is missing: install Debian's package of that name.")
    return found


def pin(process: psutil.Process) -> None:
    """Keep a server on its core; its children (face service, database) have the others."""
    process.cpu_affinity([SERVER_CORE])
    others = [core for core in range(os.cpu_count() or 1) if core != SERVER_CORE]
    for child in process.children(recursive=True):
        child.cpu_affinity(others or [SERVER_CORE])


def run(
    url: str,
    server: psutil.Process,
    *,
    seconds: float,
    headers: Sequence[str] = (),
    connections: int = CONNECTIONS,
) -> Sample:
    """Ask for *url* as fast as answers come; LoadError for any answer but 2xx and 3xx."""
    command = ["taskset", "-c", str(LOAD_CORE), find_wrk(), "-t1", f"-c{connections}"]
    command += [f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    for header in headers:
        command += ["-H", header]
    before = server.cpu_times()
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    after = server.cpu_times()
    text = done.stdout
    if done.returncode or "Non-2xx" in text or "Socket errors" in text:
        raise LoadError(f"{url}: {text}{done.stderr}")
    return read(text, after.user + after.system - before.user - before.system)


def read(text: str, cpu_seconds: float) -> Sample:
    """Return the figures of wrk's report, with the CPU that the server took meanwhile."""
    requests, took = _numbers(r"(\d+) requests in ([\d.]+)(s|m),", text)
    if not requests:
        raise LoadError("No request was answered.")
    return Sample(
        per_second=requests / took,
        p99_ms=1000 * _seconds(_group(r"\n +99% +(\S+)", text)),
        cpu_us=1e6 * cpu_seconds / requests,
        bytes_per_second=_bytes(_group(r"Transfer/sec: +(\S+)", text)),
    )


def _group(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LoadError(f"wrk's answer is not understood: {text}")
    return found[1]


def _numbers(pattern: str, text: str) -> tuple[int, float]:
    found = re.search(pattern, text)
    if found is None:
        raise LoadError(f"wrk's answer is not understood: {text}")
    return int(found[1]), float(found[2]) * (60 if found[3] == "m" else 1)


def _seconds(text: str) -> float:
    number, unit = _unit(text)
    return number * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]


def _bytes(text: str) -> float:
    number, unit = _unit(text)
    return float(number * 1024 ** ("B", "KB", "MB", "GB").index(unit))


def _unit(text: str) -> tuple[float, str]:
    number = _group(r"^([\d.]+)", text)
    return float(number), text.removeprefix(number)
