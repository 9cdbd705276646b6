"""The `findme` command: exit code 0 done, 1 failed, 2 wrong usage.

Each command imports what it needs when it runs: the whole service takes a second of CPU to import.
"""

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
from findme import logs
from findme.errors import FindMeError
from findme.settings import Settings, read_env_file
from findme.watcher.commands import COMMANDS

#: Bytes of the shortest text that `findme audit --find` takes.
LEAST_TEXT = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["faces"]:
        from findme.engine import __main__ as engine

        return engine.main(words[1:])
    if words and words[0] in COMMANDS:
        from findme.watcher import cli

        return cli.main(words, lambda: _settings(argparse.Namespace()).findme_token)
    options = _parser().parse_args(words)
    if os.geteuid() == 0:
        # what root writes (pictures, backups, logs) is nobody else's to read
        os.umask(0o077)
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
    command.add_argument("--port", type=_port, help="FINDME_PORT; 0 selects a free port")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--role",
        choices=("all", "web", "worker"),
        default="all",
        help="web answers requests, worker runs jobs, all does both (default)",
    )
    command.set_defaults(run=_serve)

    # the face service parses its own options, as it knows nothing of FindMe; here only for --help
    commands.add_parser("faces", help="run the Rekognition-compatible face service alone")

    # the watcher's commands parse their own options, too
    for name, about in COMMANDS.items():
        commands.add_parser(name, help=about)

    command = commands.add_parser("migrate", help="run the database migrations")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.set_defaults(run=_migrate)

    command = commands.add_parser("demo", help="create sample events with drawn photos")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--force", action="store_true", help="run even if events or a demo already exist"
    )
    command.set_defaults(run=_demo)

    command = commands.add_parser("backup", help="write all data to one file; the service may run")
    command.add_argument("file", type=Path, help="output file, overwritten, mode 0600")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.set_defaults(run=_backup)

    command = commands.add_parser("restore", help="restore a backup; stop the service first")
    command.add_argument("file", type=Path, help="a file that findme backup wrote")
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.add_argument(
        "--replace", action="store_true", help="replace a database that holds events or guests"
    )
    command.add_argument(
        "--copy",
        action="store_true",
        help="keep the collections in the face engine: the original service still runs",
    )
    command.add_argument(
        "--erasures",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another deletion journal than ERASURE_JOURNAL; may be repeated",
    )
    command.set_defaults(run=_restore)

    command = commands.add_parser(
        "audit", help="compare database, face engine, pictures and disk; the service may run"
    )
    command.add_argument(
        "--find",
        type=_text,
        action="append",
        default=[],
        metavar="TEXT",
        help="also look for a name or an address, in all text and all files; may be repeated",
    )
    command.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    command.set_defaults(run=_audit)

    command = commands.add_parser("admin", help="manage admins")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    action = actions.add_parser("create", help="create an admin, or make an account an admin")
    action.add_argument("email", help="address to sign in with; the command asks for the password")
    action.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    action.set_defaults(run=_create_admin)
    action = actions.add_parser(
        "reset-second-factor", help="let an admin who lost phone and recovery codes sign in again"
    )
    action.add_argument("email", help="the admin's address; the password stays as it is")
    action.add_argument("--data-dir", type=Path, help="FINDME_DATA_DIR")
    action.set_defaults(run=_reset_second_factor)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    """Read .env and the environment; options of the command line override both."""
    from_file = read_env_file(Path(".env"))
    env: Mapping[str, str] = {**from_file, **os.environ}
    # the AWS client reads its own variables from the environment
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


def _text(text: str) -> str:
    if len(text.strip().encode()) < LEAST_TEXT:
        raise argparse.ArgumentTypeError(
            f"a text of {LEAST_TEXT} bytes or more: a shorter one is in any file by chance"
        )
    return text.strip()


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from findme import server

    logs.configure(settings.log_format)

    def ready(url: str) -> None:
        print(f"FindMe is ready: {url}", flush=True)

    return asyncio.run(server.serve(settings, options.role, ready))


def _migrate(_options: argparse.Namespace, settings: Settings) -> int:
    from findme import resources

    asyncio.run(resources.migrate(settings))
    print("The database is up to date.")
    return 0


def _demo(options: argparse.Namespace, settings: Settings) -> int:
    from findme.demo import generate

    made = asyncio.run(generate.make(settings, force=options.force))
    base = settings.findme_base_url or f"http://{settings.findme_host}:{settings.findme_port}"
    print(
        f"Created three events with drawn photos. Look at {base} while findme serve runs:\n"
        f"  a guest      {base}/gallery?event={made.event_id}  as {made.guest_email}\n"
        f"  the admin    {base}/admin  as {made.admin_email}\n"
        f"  a new guest  {base}/e/{made.code}\n"
        f"All accounts have the password {made.password}"
    )
    return 0


def _backup(options: argparse.Namespace, settings: Settings) -> int:
    from findme.backup import create

    manifest, size = asyncio.run(create.make(settings, options.file.absolute()))
    print(
        f"{options.file}: {size / 1e6:.1f} MB with {manifest.events} events, "
        f"{manifest.photos} photos and {manifest.guests} guests. Keep it as safe as the service."
    )
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    from findme.backup import restore

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
        "The next start re-indexes all faces from the stored pictures."
    )
    return 0


def _audit(options: argparse.Namespace, settings: Settings) -> int:
    from findme.audit import command as audit

    found = asyncio.run(audit.run(settings, options.find))
    for finding in found:
        print(finding)
    if settings.database_url is not None:
        print("Not looked at: the files of the database server, its log and its replicas.")
    print(f"{len(found)} found." if found else "Nothing found.")
    return 1 if found else 0


def _reset_second_factor(options: argparse.Namespace, settings: Settings) -> int:
    from findme import resources

    if not asyncio.run(resources.reset_second_factor(settings, options.email)):
        print(f"findme: {options.email} has no second factor", file=sys.stderr)
        return 1
    print(f"{options.email} signs in with the password alone from now on.")
    return 0


def _create_admin(options: argparse.Namespace, settings: Settings) -> int:
    from findme import resources
    from findme.accounts.auth import check_email, check_password

    email = check_email(options.email)
    made_up = None
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Repeat the password: "):
            print("findme: the two passwords differ", file=sys.stderr)
            return 1
    else:
        password = sys.stdin.readline().rstrip("\n")
        if not password:
            password = made_up = secrets.token_urlsafe(12)
    asyncio.run(resources.create_admin(settings, email, check_password(password)))
    print(f"{email} is an admin." + (f" The password is {made_up}" if made_up else ""))
    return 0
