"""A lane of children: so many at a time, within so much memory, the most urgent task first."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from signal import SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS
from typing import Any, Final, TypeVar

import msgspec

from findme.pixels import sealed_files
from findme.pixels.gate import Gate, Urgency
from findme.pixels.header import Kind, Reason
from findme.pixels.worker import ChildKind, Message, Worker, WorkerLost

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The kernel ends a child at its deadline; the parent does it so many seconds later, if the child
#: was stopped.
GRACE_SECONDS: Final = 1.0
#: Tasks after which a child is replaced, out of caution.
MOST_TASKS: Final = 500
#: A child that was lost through no fault of the file is replaced, and the task begins again.
ATTEMPTS: Final = 2
#: Bytes of an answer that is too long for a message.
MOST_ANSWER: Final = 1024**2

_DEADLINES = (-SIGALRM, -SIGPROF)
_CRASHES = (-SIGSEGV, -SIGABRT, -SIGBUS, -SIGFPE, -SIGILL, -SIGSYS)


class LaneUnavailable(Exception):
    """No child could do the work; the file is not to blame."""


class PictureRefused(Exception):
    """A picture is not decoded; what is known of it is from its own header."""

    def __init__(
        self, reason: Reason, facts: "Facts | None" = None, most_pixels: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts
        #: Pixels of a picture of this kind that the lane has the memory for.
        self.most_pixels = most_pixels


@dataclass(frozen=True, slots=True)
class Deadline:
    """The most that a task may take once it decodes: seconds, and seconds of CPU."""

    seconds: float
    cpu_seconds: float


#: For the walk through a file's structure: 40 MB of restart markers take 0.2 s.
WALK: Final = Deadline(5.0, 2.0)


class Facts(msgspec.Struct, frozen=True):
    """What a child says of a picture before it decodes it."""

    serial: int
    kind: Kind | None = None
    width: int = 0
    height: int = 0
    held: int = 0
    judged: int = 0
    refused: Reason | None = None
    detail: str = ""


class _Reply(msgspec.Struct, frozen=True):
    serial: int
    answer: dict[str, Any] | None = None
    refused: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A child's answer and the files that came with it: the caller checks both."""

    values: dict[str, Any]
    files: Sequence[int]


class Lane:
    """Runs tasks in children of one kind; a child that dies costs the file that it worked on.

    It starts children when they are needed, or all at once by `start`. Between two tasks it belongs
    to no event loop.
    """

    def __init__(self, name: str, kind: ChildKind, *, workers: int, walk: Deadline = WALK) -> None:
        self._name = name
        self._kind = kind
        self._most = workers
        self._walk = walk
        self._slots = Gate(workers)
        self._memory = Gate(kind.memory)
        self._serials = count(1)
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._closed = False
        #: Children that were replaced because they died, stood still, or were ended.
        self.replaced = 0

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [worker.pid for worker in (*self._busy, *self._idle)]

    def start(self) -> None:
        """Start all children, so that the first tasks find them ready; OSError if it fails."""
        while len(self._idle) + len(self._busy) < self._most:
            self._idle.append(Worker.start(self._kind))

    def renew(self) -> None:
        """Replace the children that died while they had nothing to do."""
        for worker in [each for each in self._idle if each.has_ended()]:
            self._idle.remove(worker)
            self._replace(worker)

    def close(self) -> None:
        """Kill the children; a task that runs fails."""
        self._closed = True
        for worker in (*self._busy, *self._idle):
            worker.end()
        self._idle.clear()

    async def run(
        self,
        task: str,
        file: int,
        arguments: Mapping[str, object],
        *,
        deadline: Deadline,
        read: Callable[[Answer], T],
        urgency: Urgency = Urgency.LAST,
    ) -> T:
        """Run a task on an open file, and return what *read* makes of the answer.

        *read* checks it: msgspec.ValidationError and BadFile end the child. PictureRefused if the
        file is to blame, LaneUnavailable if the machine is.
        """
        job = {
            "task": task,
            "arguments": arguments,
            "walk": (self._walk.seconds, self._walk.cpu_seconds),
            "work": (deadline.seconds, deadline.cpu_seconds),
        }
        for _ in range(ATTEMPTS):
            async with self._slots.hold(1, urgency):
                try:
                    return await self._attempt(job, file, read, deadline)
                except WorkerLost as lost:
                    log.warning("[Pictures] A child for %s was lost: %s", self._name, lost)
                    if lost.status in _DEADLINES:
                        raise PictureRefused(Reason.TOO_SLOW) from lost
                    if lost.status in _CRASHES:
                        raise PictureRefused(Reason.CRASHED) from lost
                except OSError as error:
                    log.warning("[Pictures] No child for %s can be started: %s", self._name, error)
        raise LaneUnavailable

    async def _attempt(
        self,
        job: Mapping[str, object],
        file: int,
        read: Callable[[Answer], T],
        deadline: Deadline,
    ) -> T:
        worker = self._take()
        self._busy.append(worker)
        # False until the child has said all that it will say of this task
        sound = False
        try:
            await worker.wait_until_ready()
            serial = next(self._serials)
            worker.tasks += 1
            worker.send({**job, "serial": serial}, [file])
            message = await worker.receive(self._walk.seconds + GRACE_SECONDS)
            message.close()
            facts = _facts(message, serial)
            if facts.refused is not None:
                sound = True
                self._log_detail(facts.detail)
                raise PictureRefused(facts.refused, facts)
            if facts.judged > self._kind.memory:
                worker.send({"go": False})
                sound = True
                most = facts.width * facts.height * self._kind.memory // facts.judged
                raise PictureRefused(Reason.TOO_MUCH_MEMORY, facts, most)
            async with self._memory.hold(facts.held):
                worker.send({"go": True})
                with closing(await worker.receive(deadline.seconds + GRACE_SECONDS)) as message:
                    reply = _reply(message, serial)
                    if reply.refused is not None:
                        # what is left in a child that ran out of memory is uncertain
                        sound = reply.refused is not Reason.TOO_MUCH_MEMORY
                        self._log_detail(reply.detail)
                        raise PictureRefused(reply.refused, facts)
                    result = read(Answer(reply.answer or {}, message.files))
            sound = worker.tasks < MOST_TASKS
            return result
        except (msgspec.DecodeError, sealed_files.BadFile) as error:
            log.error("[Pictures] A child for %s gave a bad answer: %s", self._name, error)  # noqa: TRY400 - of the child, whose traceback this is not
            raise PictureRefused(Reason.CRASHED) from error
        finally:
            self._put_back(worker, sound=sound)

    def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if not worker.has_ended():
                return worker
            worker.end()
            self.replaced += 1
        return Worker.start(self._kind)

    def _put_back(self, worker: Worker, *, sound: bool) -> None:
        self._busy.remove(worker)
        if sound and not self._closed:
            self._idle.append(worker)
            return
        self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        worker.end()
        if not self._closed:
            self.replaced += 1
            try:
                # now, so that the next task finds it ready
                self._idle.append(Worker.start(self._kind))
            except OSError as error:
                log.warning("[Pictures] No child for %s can be started: %s", self._name, error)

    def _log_detail(self, detail: str) -> None:
        if detail:
            log.error("[Pictures] A child for %s met a fault: %r", self._name, detail)


def _facts(message: Message, serial: int) -> Facts:
    facts = msgspec.convert(message.content, Facts)
    if facts.serial != serial or facts.judged < 0 or facts.width < 0 or facts.height < 0:
        raise msgspec.ValidationError("these are the facts of no file that it was given")
    return facts


def _reply(message: Message, serial: int) -> _Reply:
    reply = msgspec.convert(message.content, _Reply)
    if reply.serial != serial:
        raise msgspec.ValidationError("this is the answer to another task")
    if reply.answer is None and reply.refused is None:
        # it was too long for a message, and came as the last file
        if not message.files:
            raise msgspec.ValidationError("the answer is missing")
        file = message.files.pop()
        try:
            text = sealed_files.read(file, MOST_ANSWER)
        finally:
            os.close(file)
        return _Reply(serial, msgspec.json.decode(text, type=dict[str, Any]))
    return reply
