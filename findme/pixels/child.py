"""A child: ``python -m findme.pixels.child SOCKET PARENT TASKS NICENESS MEMORY FILE``.

It is told of one file at a time over the socket, together with the file's descriptor. It answers
with the memory that the task will take, waits for leave, and answers with the result. It needs
neither the network nor a path once it has begun.
"""

import gc
import importlib
import json
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from os import close
from typing import Any, Final, NoReturn, cast

from findme.pixels import confinement, sealed_files
from findme.pixels.header import Reason, Refused
from findme.pixels.inspection import inspect
from findme.pixels.task import Result, Task, Tasks

#: Seconds without a task after which free memory goes back to the system.
IDLE_SECONDS: Final = 3.0
#: Bytes of a message; the kernel takes some 200 KB.
MOST_MESSAGE: Final = 60_000


def main(arguments: Sequence[str]) -> NoReturn:
    """Serve tasks until the parent hangs up."""
    descriptor, parent, module, *limits = arguments
    niceness, memory, file_bytes = map(int, limits)
    connection = socket.socket(fileno=int(descriptor))
    confinement.die_with_parent(int(parent))
    # Ctrl-C in the terminal is for the parent, which then ends this process itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        tasks = cast("Tasks", importlib.import_module(module))
        tasks.warm_up()
        idle = confinement.confine(
            int(parent), niceness=niceness, memory=memory, file_bytes=file_bytes
        )
    except Exception:  # noqa: BLE001 - the parent says why no child starts
        last_words = traceback.format_exc()[-2000:]
        connection.send(json.dumps({"failed": last_words}).encode())
        sys.exit(1)
    connection.send(b'{"ready": true}')
    gc.collect()
    gc.freeze()
    child = _Child(connection, tasks.TASKS, idle)
    while True:
        child.serve_one()


class _Child:
    def __init__(self, connection: socket.socket, tasks: Mapping[str, Task], idle: int) -> None:
        self._connection = connection
        self._tasks = tasks
        self._idle = idle

    def serve_one(self) -> None:
        """Wait for a task and perform it; ends the process if the parent has hung up."""
        if not select.select([self._connection], [], [], IDLE_SECONDS)[0]:
            gc.collect()
            confinement.give_memory_back()
        job, files = self._receive()
        with ExitStack() as stack:
            for file in files:
                stack.callback(close, file)
            self._perform(job, files[0])

    def _perform(self, job: Mapping[str, Any], file: int) -> None:
        serial, facts = job["serial"], dict[str, object]()
        task, arguments = self._tasks[job["task"]], job["arguments"]
        try:
            confinement.limit_memory(self._idle + confinement.SLACK)
            with confinement.deadline(*job["walk"]):
                header = inspect(file)
                facts |= {"kind": header.kind, "width": header.width, "height": header.height}
                need = task.need(header, arguments)
            self._send({"serial": serial, "held": need.held, "judged": need.judged, **facts})
            leave, _ = self._receive()
            if not leave["go"]:
                return
            confinement.limit_memory(self._idle + need.held + confinement.SLACK)
            with confinement.deadline(*job["work"]):
                result = task.run(file, arguments)
            self._hand_over(serial, result)
        except Refused as refused:
            self._send({"serial": serial, "refused": refused.reason, **facts})
        except MemoryError:
            self._send({"serial": serial, "refused": Reason.TOO_MUCH_MEMORY, **facts})
        except Exception:  # noqa: BLE001 - it costs this file alone, and the parent logs it
            last_words = traceback.format_exc()[-2000:]
            self._send({"serial": serial, "refused": Reason.CRASHED, "detail": last_words, **facts})

    def _hand_over(self, serial: int, result: Result) -> None:
        with ExitStack() as stack:
            files = []
            text = json.dumps(result.answer).encode()
            inline = len(text) <= MOST_MESSAGE
            for content in (*result.files, *(() if inline else (text,))):
                files.append(sealed_files.create(content))
                stack.callback(close, files[-1])
            answer = result.answer if inline else None
            self._send({"serial": serial, "answer": answer}, files)

    def _send(self, message: Mapping[str, object], files: Sequence[int] = ()) -> None:
        socket.send_fds(self._connection, [json.dumps(message).encode()], files)

    def _receive(self) -> tuple[Mapping[str, Any], Sequence[int]]:
        message, files, _, _ = socket.recv_fds(self._connection, 65_536, 4)
        if not message:
            with closing(self._connection):
                sys.exit(0)
        return json.loads(message), files


if __name__ == "__main__":
    main(sys.argv[1:])
