"""The commands of photographers: `findme watch` and `findme upload`.

They need no service, no database and no settings but FINDME_TOKEN; on Windows, where the service
does not run, start them as `python -m findme.watcher.cli watch …`.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from findme.errors import FindMeError, StartError
from findme.watcher.api_client import TokenRejected, open_server
from findme.watcher.commands import COMMANDS
from findme.watcher.journal import open_journal
from findme.watcher.reporter import Reporter, open_reporter
from findme.watcher.watcher import Options, Watcher

_DEFAULT = Options()


def main(words: Sequence[str], token: Callable[[], str | None]) -> int:
    """Run `watch` or `upload`, and return the exit code; *token* is called without --token."""
    options = _parser().parse_args(words)
    try:
        return asyncio.run(_run(options, options.token or token()))
    except FindMeError as error:
        sys.stderr.write(f"findme: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="findme")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    watch = commands.add_parser("watch", help=COMMANDS["watch"])
    watch.add_argument(
        "folder", metavar="DIR", type=Path, help="folder to watch, with its sub-folders"
    )
    watch.add_argument("--once", action="store_true", help="send what is there, then end")
    watch.add_argument(
        "--journal", metavar="FILE", type=Path, help="file that records what was sent"
    )
    watch.add_argument(
        "--settle",
        metavar="SECONDS",
        type=_positive,
        default=_DEFAULT.settle,
        help="seconds a file must not change before it is sent (2)",
    )
    watch.add_argument(
        "--rescan",
        metavar="SECONDS",
        type=_positive,
        default=_DEFAULT.rescan,
        help="seconds between two scans of the whole folder (15)",
    )
    watch.set_defaults(files=None)
    upload = commands.add_parser("upload", help=COMMANDS["upload"])
    upload.add_argument("files", metavar="FILE", type=Path, nargs="+", help="the photos")
    upload.set_defaults(folder=Path(), once=True, journal=None, settle=0.0, rescan=_DEFAULT.rescan)
    for command in (watch, upload):
        command.add_argument(
            "--server",
            metavar="URL",
            type=_url,
            required=True,
            help="address of FindMe, such as https://photos.example.org",
        )
        command.add_argument(
            "--token",
            help="upload token; safer in FINDME_TOKEN, since others can read the process list",
        )
        command.add_argument(
            "--parallel",
            metavar="N",
            type=_parallel,
            default=_DEFAULT.parallel,
            help="photos to send at the same time (4)",
        )
        command.add_argument(
            "--limit-kbps",
            metavar="N",
            type=_positive,
            help="highest rate in kilobits per second, over all photos",
        )
        command.add_argument("--json", action="store_true", help="print one JSON object per line")
    return parser


async def _run(options: argparse.Namespace, token: str | None) -> int:
    if not token:
        raise StartError("There is no upload token: set FINDME_TOKEN or use --token.")
    root, only = _place(options)
    stop = asyncio.Event()
    _listen(stop)
    settings = Options(
        once=options.once,
        parallel=options.parallel,
        settle=options.settle,
        rescan=options.rescan,
        patience=5 * options.settle,
    )
    rate = None if options.limit_kbps is None else options.limit_kbps * 1000 / 8
    journal_path = None if only is not None else options.journal or _journal(root, options.server)
    reporter = open_reporter(as_json=options.json)
    async with (
        open_journal(journal_path) as journal,
        open_server(options.server, token, bytes_per_s=rate) as server,
    ):
        watcher = Watcher(root, journal, server, reporter, settings, only)
        accepted = await _watch(watcher, reporter, stop)
    tally = watcher.tally
    if not accepted:
        return 1
    wanting = not watcher.has_looked or tally.refused or tally.left or tally.damaged
    return 1 if options.once and wanting else 0


async def _watch(watcher: Watcher, reporter: Reporter, stop: asyncio.Event) -> bool:
    """Run to the end and report the result; return False if the server rejects the token."""
    accepted = True
    try:
        await watcher.run(stop)
    except TokenRejected as problem:
        reporter.report("ended", None, str(problem))
        accepted = False
    finally:
        reporter.close(watcher.tally)
    return accepted


def _place(options: argparse.Namespace) -> tuple[Path, Sequence[str] | None]:
    """Return the folder, and the files to send if not all of it is sent."""
    if options.files is None:
        root = Path(options.folder).resolve()
        if not os.path.isdir(root):  # noqa: PTH112  # unlike Path's, it never raises
            raise StartError(f"{options.folder} is not a folder.")
        return root, None
    for path in options.files:
        if not os.path.isfile(path):  # noqa: PTH113
            raise StartError(
                f"{path} is a folder: use findme watch to send its photos."
                if os.path.isdir(path)  # noqa: PTH112
                else f"There is no file {path}."
            )
    root = Path.cwd()
    return root, [path.resolve().as_posix() for path in options.files]


def _journal(root: Path, server: str) -> Path:
    """Return the journal's path for a folder and a server: in the user's home, not on the card."""
    key = hashlib.sha256(os.fsencode(root) + f"\n{server}".encode()).hexdigest()[:12]
    return Path.home() / ".findme" / f"{root.name or 'root'}-{key}.sqlite3"


def _listen(stop: asyncio.Event) -> None:
    """Stop gracefully on SIGINT and SIGTERM; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()

    def end(number: int, _frame: object = None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        # not the event loop's handlers: Windows has none
        signal.signal(number, end)


def _url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError("an address that begins with https:// or http://")
    return text.rstrip("/")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError("a number above 0")
    return number


def _parallel(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError("a number from 1 to 32")
    return int(text)


if __name__ == "__main__":
    # on a photographer's computer this is the whole program, so it reads the environment itself
    sys.exit(main(sys.argv[1:], lambda: os.environ.get("FINDME_TOKEN")))
