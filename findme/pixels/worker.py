"""The parent's side of one child: starts it, asks it, and tells why it ended."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from findme.pixels.memory import MIB

#: Seconds for a child to start on a busy machine.
START_SECONDS: Final = 30.0
#: Seconds for the exit status of a child that has hung up.
STATUS_SECONDS: Final = 1.0
_MOST_MESSAGE: Final = 65_536
_MOST_FILES: Final = 4
#: Each picture takes and gives back some 100 MB: with glibc's own thresholds these are 17,000 page
#: faults each time, a tenth of all CPU time. Kept until the child is idle instead.
_MALLOC: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024**2),
    "MALLOC_TOP_PAD_": str(64 * 1024**2),
}
#: The folder that holds the package, for a child that inherits no path.
_ROOT: Final = Path(__file__).parents[2]


class WorkerLost(Exception):
    """The child ended, stands still, or says what no child of ours says.

    *status* is its exit status as subprocess tells it, None if it had not ended by itself.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason if status is None else f"{reason} (exit status {status})")
        self.status = status


@dataclass(frozen=True, slots=True)
class ChildKind:
    """How the children of a lane are started."""

    #: The module whose tasks they run.
    tasks: str
    #: Their priority, 0 to 19.
    niceness: int
    #: The most bytes that a task may take.
    memory: int
    #: The most bytes of a file that it hands back.
    file_bytes: int = 64 * MIB


@dataclass(slots=True)
class Message:
    """What a child said, and the descriptors that came with it; not to be trusted."""

    content: dict[str, Any]
    files: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Close the descriptors."""
        while self.files:
            os.close(self.files.pop())


class Worker:
    """One child. Start it on the main thread: the kernel ends it with the thread that did."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._ready = False
        #: Tasks that were given to it.
        self.tasks = 0

    @classmethod
    def start(cls, kind: ChildKind) -> "Worker":
        """Start a child without waiting for it; OSError if the system has no process to give."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own module
                    [
                        *(sys.executable, "-P", "-m", "findme.pixels.child"),
                        *(str(theirs.fileno()), str(os.getpid())),
                        *(kind.tasks, str(kind.niceness)),
                        *(str(kind.memory), str(kind.file_bytes)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    # nothing of the parent's: no password, no key
                    env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(_ROOT)}
                    | _MALLOC,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether the child has ended by itself."""
        return self._process.poll() is not None

    async def wait_until_ready(self) -> None:
        """Wait until a child that was just started can work; WorkerLost if it cannot."""
        if not self._ready:
            message = await self.receive(START_SECONDS)
            message.close()
            if not message.content.get("ready"):
                raise WorkerLost(f"it could not start: {message.content.get('failed')}")
            self._ready = True

    def send(self, content: dict[str, object], files: Sequence[int] = ()) -> None:
        """Tell the child something; WorkerLost if it has hung up."""
        try:
            socket.send_fds(self._connection, [msgspec.json.encode(content)], files)
        except OSError as error:
            raise WorkerLost("it takes nothing") from error

    async def receive(self, seconds: float) -> Message:
        """Return what the child says next; WorkerLost if it says nothing for so many seconds.

        msgspec.DecodeError if it says what none of ours does.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._readable()
        except TimeoutError:
            raise WorkerLost(f"it has said nothing for {seconds:g} s") from None
        try:
            text, files, flags, _ = socket.recv_fds(
                self._connection, _MOST_MESSAGE, _MOST_FILES, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            text, files, flags = b"", [], 0
        if not text:
            raise WorkerLost("it has ended", await self._status())
        message = Message({}, list(files))
        try:
            message.content = _decoded(text, flags)
        except msgspec.DecodeError:
            message.close()
            raise
        return message

    def end(self) -> None:
        """Kill the child, if it has not ended, and release its socket."""
        self._connection.close()
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            # in a thread: the kernel takes a while to free its memory
            threading.Thread(target=self._process.wait, name="reaper", daemon=True).start()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = loop.create_future()

        def wake() -> None:
            if not readable.done():
                readable.set_result(None)

        loop.add_reader(self._connection, wake)
        try:
            await readable
        finally:
            loop.remove_reader(self._connection)

    async def _status(self) -> int | None:
        """Return the exit status of a child that has hung up; None if it goes on living."""
        with suppress(subprocess.TimeoutExpired):
            return await asyncio.to_thread(self._process.wait, STATUS_SECONDS)
        return None


def _decoded(text: bytes, flags: int) -> dict[str, Any]:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise msgspec.DecodeError("a message that is too long")
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("a message that is no text") from error
