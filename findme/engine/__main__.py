"""``python -m findme.engine``: the face service as a process of its own.

``python -m findme.engine calibrate DIR`` measures it on labelled pictures instead.
"""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from findme.engine import calibration_report
from findme.engine.app import serve
from findme.engine.collection_store import GalleryInUse
from findme.engine.weights import WeightsError

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_RETURNED = 1024 * 1024
"""Bytes from which a freed block goes back to the system at once. By itself the C library raises
this to the size of a photo, and keeps 90 MB more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or calibrate; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["calibrate"]:
        return calibration_report.main(given[1:])
    parser = argparse.ArgumentParser(
        prog="findme faces", description="Rekognition's face operations on this machine."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--data-dir", type=Path, default=Path("var"))
    options = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    _return_memory()
    if not _bound_to_parent(os.environ.get("FINDME_FACES_PARENT_PID")):
        return 0
    try:
        asyncio.run(_run(options.host, options.port, options.data_dir))
    except (GalleryInUse, WeightsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _run(host: str, port: int, data_dir: Path) -> None:
    def ready(actual_port: int) -> None:
        print(f"FindMe faces is ready: http://{host}:{actual_port}", flush=True)

    serving = asyncio.current_task()
    assert serving is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serve(
            host=host,
            port=port,
            data_dir=data_dir,
            credentials=_credentials(os.environ),
            ready=ready,
        )
    except asyncio.CancelledError:
        serving.uncancel()


def _credentials(environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """Read the one key pair that may call, if the environment names one."""
    key = environment.get("FINDME_FACES_ACCESS_KEY_ID")
    secret = environment.get("FINDME_FACES_SECRET_ACCESS_KEY")
    return {key: secret} if key and secret else None


def _return_memory() -> None:
    """Have the C library give large blocks back; others than glibc decide by themselves."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _RETURNED)
        mallopt(_M_TRIM_THRESHOLD, _RETURNED)


def _bound_to_parent(parent: str | None) -> bool:
    """Ask the kernel to end this process with its parent; false if the parent is gone already."""
    if not parent:
        return True
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before the kernel was asked.
    return os.getppid() == int(parent)


if __name__ == "__main__":
    sys.exit(main())
