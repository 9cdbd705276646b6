"""Tasks for children in tests: well-behaved ones, and some that do what a bad picture might."""

import ctypes
import os
import re
import resource
import select
import signal
import socket
import stat
from collections.abc import Mapping
from io import BytesIO

from PIL import Image

from findme.pixels.header import Header, Reason, Refused
from findme.pixels.task import Arguments, Need, Result, Task


def small_picture() -> bytes:
    """Return a file that every task takes."""
    out = BytesIO()
    Image.new("RGB", (64, 48), "#808080").save(out, "PNG")
    return out.getvalue()


def _echo(file: int, arguments: Arguments) -> Result:
    return Result({"said": arguments.get("say"), "pid": os.getpid()}, [os.pread(file, 8, 0)])


def _situation(_file: int, _arguments: Arguments) -> Result:
    files = {}
    for number in range(64):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        files[number] = stat.S_IFMT(mode)
    return Result(
        {
            "environment": sorted(os.environ),
            "files": files,
            "user": os.getuid(),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "data": resource.getrlimit(resource.RLIMIT_DATA)[0],
        }
    )


def _spin(_file: int, _arguments: Arguments) -> Result:
    """Hold the interpreter in C, without ever looking at a signal."""
    re.match(r"(a*)*b", "a" * 60)
    return Result({})


def _sleep(_file: int, _arguments: Arguments) -> Result:
    select.select([], [], [])
    return Result({})


def _crash(_file: int, _arguments: Arguments) -> Result:
    ctypes.string_at(0)
    return Result({})


def _vanish(_file: int, _arguments: Arguments) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return Result({})


def _until_grown(file: int, arguments: Arguments) -> Result:
    """Say that work has begun by a byte at the end of the file; wait until somebody adds more."""
    os.pwrite(file, b"!", arguments["size"])
    while os.fstat(file).st_size <= arguments["size"] + 1:
        select.select([], [], [], 0.01)
    return Result({"pid": os.getpid()})


def _take(_file: int, arguments: Arguments) -> Result:
    return Result({"taken": len(bytearray(arguments["bytes"]))})


def _rogue(_file: int, arguments: Arguments) -> Result:
    """Say something else than an answer, as a child that was taken over might."""
    for number in range(64):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode):
            with socket.socket(fileno=os.dup(number)) as connection:
                connection.send(arguments["bytes"].encode())
    return Result({})


def _fail(_file: int, _arguments: Arguments) -> Result:
    raise KeyError("no decoder raises this")


def _refuse(_file: int, _arguments: Arguments) -> Result:
    raise Refused(Reason.CUT_OFF)


def _need(_header: Header, arguments: Arguments) -> Need:
    wanted = arguments.get("need", 1)
    return Need(wanted, arguments.get("judged", wanted))


def _need_long(_header: Header, _arguments: Arguments) -> Need:
    re.match(r"(a*)*b", "a" * 60)
    return Need(1, 1)


TASKS: Mapping[str, Task] = {
    "echo": Task(_need, _echo),
    "situation": Task(_need, _situation),
    "spin": Task(_need, _spin),
    "walk long": Task(_need_long, _echo),
    "sleep": Task(_need, _sleep),
    "crash": Task(_need, _crash),
    "vanish": Task(_need, _vanish),
    "until grown": Task(_need, _until_grown),
    "take": Task(_need, _take),
    "rogue": Task(_need, _rogue),
    "fail": Task(_need, _fail),
    "refuse": Task(_need, _refuse),
}


def warm_up() -> None:
    """Nothing is to be imported."""
