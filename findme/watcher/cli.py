"""The commands of photographers: `findme watch` and `findme upload`.

They need no service, no database and no settings but FINDME_TOKEN; on Windows, where the service
does not run, they are started as `python -m findme.watcher_cli watch …`.
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
from findme.watcher.api_client import Unwelcome, open_server
from findme.watcher.journal import open_journal
from findme.watcher.reporter import Teller, open_teller
from findme.watcher.watcher import Options, Watcher

COMMANDS = {
    "watch": "send the photos of a folder, as they come",
    "upload": "send some photos",
}
_DEFAULT = Options()


def main(words: Sequence[str], token: Callable[[], str | None]) -> int:
    """Run `watch …` or `upload …`; *token* is asked where none is given. Return the exit code."""
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
        "folder", metavar="DIR", type=Path, help="where the photos come in, with its sub-folders"
    )
    watch.add_argument("--once", action="store_true", help="end when all that is there is sent")
    watch.add_argument("--journal", metavar="FILE", type=Path, help="where to keep what was sent")
    watch.add_argument(
        "--settle",
        metavar="SECONDS",
        type=_positive,
        default=_DEFAULT.settle,
        help="how long a file must be still (2)",
    )
    watch.add_argument(
        "--rescan",
        metavar="SECONDS",
        type=_positive,
        default=_DEFAULT.rescan,
        help="how often the whole folder is looked at (15)",
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
            help="as https://findme.example.org",
        )
        command.add_argument("--token", help="the upload token; better FINDME_TOKEN: see docs")
        command.add_argument(
            "--parallel",
            metavar="N",
            type=_parallel,
            default=_DEFAULT.parallel,
            help="photos at a time (4)",
        )
        command.add_argument(
            "--limit-kbps", metavar="N", type=_positive, help="kilobits a second at the most"
        )
        command.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


async def _run(options: argparse.Namespace, token: str | None) -> int:
    if not token:
        raise StartError("There is no upload token: set FINDME_TOKEN, or give --token.")
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
    teller = open_teller(as_json=options.json)
    async with (
        open_journal(journal_path) as journal,
        open_server(options.server, token, bytes_per_s=rate) as server,
    ):
        watcher = Watcher(root, journal, server, teller, settings, only)
        welcome = await _watch(watcher, teller, stop)
    tally = watcher.tally
    if not welcome:
        return 1
    wanting = not watcher.has_looked or tally.refused or tally.left or tally.damaged
    return 1 if options.once and wanting else 0


async def _watch(watcher: Watcher, teller: Teller, stop: asyncio.Event) -> bool:
    """Run to the end and tell how it went; False where the server will have none of it."""
    welcome = True
    try:
        await watcher.run(stop)
    except Unwelcome as problem:
        teller.tell("ended", None, str(problem))
        welcome = False
    finally:
        teller.close(watcher.tally)
    return welcome


def _place(options: argparse.Namespace) -> tuple[Path, Sequence[str] | None]:
    """Return the folder, and the names in it where only these are sent."""
    if options.files is None:
        root = Path(options.folder).resolve()
        if not os.path.isdir(root):  # noqa: PTH112  # unlike Path's, it never raises
            raise StartError(f"{options.folder} is not a folder.")
        return root, None
    for path in options.files:
        if not os.path.isfile(path):  # noqa: PTH113
            raise StartError(
                f"{path} is a folder: findme watch sends all that is in it."
                if os.path.isdir(path)  # noqa: PTH112
                else f"There is no file {path}."
            )
    root = Path.cwd()
    return root, [path.resolve().as_posix() for path in options.files]


def _journal(root: Path, server: str) -> Path:
    """Return where the journal of a folder and a server is kept: with the user, not on the card."""
    key = hashlib.sha256(os.fsencode(root) + f"\n{server}".encode()).hexdigest()[:12]
    return Path.home() / ".findme" / f"{root.name or 'root'}-{key}.sqlite3"


def _listen(stop: asyncio.Event) -> None:
    """End in good order on SIGINT and SIGTERM; the second one ends at once."""
    loop = asyncio.get_running_loop()

    def end(number: int, _frame: object = None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        # not the loop's own handlers: Windows has none
        signal.signal(number, end)


def _url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError("a server's address begins with https:// or http://")
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
    # the environment is read here alone: this is the whole program where there is no service
    sys.exit(main(sys.argv[1:], lambda: os.environ.get("FINDME_TOKEN")))
