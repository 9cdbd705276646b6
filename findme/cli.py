"""The `findme` command: exit code 0 done, 1 failed, 2 wrong usage."""

import argparse
import asyncio
import getpass
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import findme
from findme import logs, resources, server
from findme.accounts.auth import check_email, check_password
from findme.backup import create, restore
from findme.demo import generate
from findme.engine import __main__ as engine
from findme.errors import FindMeError
from findme.settings import Settings, read_env_file
from findme.watcher import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["faces"]:
        return engine.main(words[1:])
    if words and words[0] in cli.COMMANDS:
        return cli.main(words, lambda: _settings(argparse.Namespace()).findme_token)
    options = _parser().parse_args(words)
    logs.configure("text")
    try:
        code: int = options.run(options, _settings(options))
    except FindMeError as error:
        print(f"findme: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="findme", description="Each guest of an event gets the photos they are in."
    )
    parser.add_argument("--version", action="version", version=findme.__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("serve", help="run the service")
    command.add_argument("--host", help="FINDME_HOST")
    command.add_argument("--port", type=_port, help="FINDME_PORT; 0 takes a free one")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--role",
        choices=("all", "web", "worker"),
        default="all",
        help="answer requests, do the jobs, or both (all)",
    )
    command.set_defaults(run=_serve)

    # parsed by the service itself, which knows nothing of FindMe; named here for --help
    commands.add_parser("faces", help="run the Rekognition-compatible face service alone")

    # parsed by themselves too: they need no service here
    for name, about in cli.COMMANDS.items():
        commands.add_parser(name, help=about)

    command = commands.add_parser("migrate", help="bring the database up to date")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.set_defaults(run=_migrate)

    command = commands.add_parser("demo", help="make events with drawn photos to look around in")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--force", action="store_true", help="also beside real events, or once more"
    )
    command.set_defaults(run=_demo)

    command = commands.add_parser("backup", help="write everything into one file, while it runs")
    command.add_argument("file", type=Path, help="written anew, readable by its owner alone")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.set_defaults(run=_backup)

    command = commands.add_parser("restore", help="put a backup back; the service is stopped")
    command.add_argument("file", type=Path, help="what findme backup wrote")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--replace", action="store_true", help="give up the events and guests that are there"
    )
    command.add_argument(
        "--copy",
        action="store_true",
        help="the service that it was made of goes on: leave its collections in the engine alone",
    )
    command.add_argument(
        "--erasures",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a journal of deletions that is not at ERASURE_JOURNAL; may be given several times",
    )
    command.set_defaults(run=_restore)

    command = commands.add_parser("admin", help="look after admins")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    action = actions.add_parser("create", help="make an admin, or an account into one")
    action.add_argument("email", help="the address to sign in with; the password is asked for")
    action.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    action.set_defaults(run=_create_admin)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    """Read .env and the environment; what the command line says wins."""
    from_file = read_env_file(Path(".env"))
    env: Mapping[str, str] = {**from_file, **os.environ}
    # AWS's own variables are read by the AWS client, from the environment
    for name, value in from_file.items():
        if name.startswith("AWS_"):
            os.environ.setdefault(name, value)
    settings = Settings.from_env(env)
    given = {
        "findme_host": getattr(options, "host", None),
        "findme_port": getattr(options, "port", None),
        "findme_data_dir": getattr(options, "data_dir", None),
    }
    settings = replace(
        settings, **{name: value for name, value in given.items() if value is not None}
    )
    return replace(settings, findme_data_dir=settings.findme_data_dir.resolve())


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    logs.configure(settings.log_format)

    def ready(url: str) -> None:
        print(f"FindMe is ready: {url}", flush=True)

    return asyncio.run(server.serve(settings, options.role, ready))


def _migrate(_options: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(resources.migrate(settings))
    print("The database is up to date.")
    return 0


def _demo(options: argparse.Namespace, settings: Settings) -> int:
    made = asyncio.run(generate.make(settings, force=options.force))
    base = settings.findme_base_url or f"http://{settings.findme_host}:{settings.findme_port}"
    print(
        f"Three events with drawn photos. Look at {base} (findme serve, where it does not run):\n"
        f"  a guest      {base}/gallery?event={made.event_id}  as {made.guest_email}\n"
        f"  the admin    {base}/admin  as {made.admin_email}\n"
        f"  who joins    {base}/e/{made.code}\n"
        f"The password of all is {made.password}"
    )
    return 0


def _backup(options: argparse.Namespace, settings: Settings) -> int:
    manifest, size = asyncio.run(create.make(settings, options.file.absolute()))
    print(
        f"{options.file}: {size / 1e6:.1f} MB with {manifest.events} events, "
        f"{manifest.photos} photos and {manifest.guests} guests. Keep it as safe as the service."
    )
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    done = asyncio.run(
        restore.restore(
            settings,
            options.file,
            replace=options.replace,
            copy=options.copy,
            journals=options.erasures,
        )
    )
    again = ", ".join(f"{kind} {number}" for kind, number in done.repeated.items()) or "none"
    print(
        f"Restored the state of {done.manifest.created_at}. Deletions since, repeated: {again}.\n"
        "The next start looks for the faces again, from the stored pictures."
    )
    return 0


def _create_admin(options: argparse.Namespace, settings: Settings) -> int:
    email = check_email(options.email)
    made_up = None
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Once more: "):
            print("findme: the two passwords differ", file=sys.stderr)
            return 1
    else:
        password = sys.stdin.readline().rstrip("\n")
        if not password:
            password = made_up = secrets.token_urlsafe(12)
    asyncio.run(resources.create_admin(settings, email, check_password(password)))
    print(f"{email} is an admin." + (f" The password is {made_up}" if made_up else ""))
    return 0
