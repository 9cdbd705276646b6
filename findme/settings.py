"""Every setting: its name, default, unit, reason and parser in one place, read once at the start.

No other module reads the environment. docs/settings.md says the same for operators.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from io import StringIO
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from findme.errors import StartError

#: Variables of ours that a typing error would otherwise hide.
OUR_PREFIXES = (
    "FINDME_",
    "PHOTO_QUEUE_",
    "FACE_",
    "MAX_UPLOAD_",
    "MAX_IMAGE_",
    "REKOGNITION_",
    "CONTROLLER_",
)
#: Ours by prefix, but read by the tests, not by the service.
NOT_SETTINGS = frozenset({"FINDME_PHOTOS", "FINDME_CHROMIUM"})
#: Variables that the face service's own command reads.
NOT_SETTINGS_PREFIX = "FINDME_FACES_"
#: Settings of earlier versions: old name -> new name. An old name stops the start, so that nobody
#: upgrades and silently falls back to a default.
RENAMED: dict[str, str] = {
    "FACE_HOP": "FACE_QUERY_EXPANSION",
    "FACE_HOP_ANCHOR": "FACE_QUERY_EXPANSION_ANCHOR",
    "FACE_HOP_THRESHOLD": "FACE_QUERY_EXPANSION_THRESHOLD",
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_T = TypeVar("_T")


def _setting(default: _T, parse: Callable[[str], _T], *, secret: bool = False) -> _T:
    """Return a setting's field; *parse* raises ValueError with what the text should have been.

    A secret is neither in the repr nor in an error.
    """
    made: _T = field(default=default, repr=not secret, metadata={"parse": parse})
    return made


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not least <= float(text) <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return float(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError("one of " + ", ".join(words))
        return text

    return parse


def _flag(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError("a URL that begins with " + " or ".join(f"{s}://" for s in schemes))
        return text.rstrip("/") if "http" in schemes else text

    return parse


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("an e-mail address")
    return text


def _smtp_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        raise ValueError("a URL that begins with smtp://, smtp+starttls:// or smtps://")
    return text


def _sender(text: str) -> str:
    if not re.fullmatch(r"([^<>@\r\n]+ <)?[^@\s<>]+@[^@\s<>]+>?", text) or ("<" in text) != (
        text.endswith(">")
    ):
        raise ValueError("an e-mail address, or `A name <address>`")
    return text


def _image_store(text: str) -> str:
    if text != "database":
        raise ValueError("a store this version has: database")
    return text


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError("a list of addresses or networks, such as 10.0.0.0/8,::1") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The service's settings; each field is the variable's name in lower case."""

    # asyncpg's form; None: the embedded server under the data directory
    database_url: str | None = _setting(None, _url("postgresql", "postgres"), secret=True)
    face_engine: str = _setting("auto", _one_of("auto", "aws", "embedded"))
    # botocore itself reads only AWS_DEFAULT_REGION and its own files
    aws_region: str | None = _setting(None, str)
    # worker coroutines: three keep two cores and the engine busy
    photo_queue_workers: int = _setting(3, _whole(1, 64))
    # waiting photos; if there are more, an upload is refused with 503
    photo_queue_max_size: int = _setting(1000, _whole(1, 1_000_000))
    # Rekognition calls in flight
    aws_concurrent_requests: int = _setting(10, _whole(1, 1000))
    # calls a second of each operation on pictures and faces, in each process; 0: no limit. None:
    # 80 % of AWS's default quota in the region, which leaves room for others on the account, and
    # no limit if the endpoint is not AWS
    rekognition_calls_per_second: float | None = _setting(None, _number(0, 10_000))
    # US dollars that the calls of a month (UTC) may cost before they wait for the next month; None:
    # no limit, since somebody should decide that a service stops finding people
    rekognition_monthly_budget_usd: float | None = _setting(None, _number(0, 1_000_000))
    # connections kept open; None: 20, or 4 with the embedded server
    db_pool_size: int | None = _setting(None, _whole(1, 500))
    db_max_overflow: int = _setting(50, _whole(0, 500))
    # seconds that a photo list may be served from the cache
    cache_ttl: int = _setting(30, _whole(0, 86_400))
    cache_url: str = _setting("memory://", _url("memory", "redis", "rediss"), secret=True)
    # `database`: chunk rows in PostgreSQL
    image_store: str = _setting("database", _image_store)
    # similarities, 0..100
    face_match_threshold: float = _setting(90.0, _number(0, 100))
    face_maybe_threshold: float = _setting(80.0, _number(0, 100))
    # seconds that a face must have been indexed before a search decides it; None: 5 on AWS (its
    # own margin is not documented), 0 with any other endpoint: those read their own writes
    face_settle_seconds: float | None = _setting(None, _number(0, 600))
    # seconds after its first photo that an event is searched at the latest, and seconds after its
    # last photo that it is searched if no more come
    face_flush_seconds: float = _setting(30.0, _number(0, 3600))
    face_idle_seconds: float = _setting(2.0, _number(0, 600))
    # query expansion: strong matches become further references. `auto`: on if searches are free
    # (embedded), off on AWS, where each costs 0.001 USD
    face_query_expansion: str = _setting("auto", _one_of("auto", "on", "off"))
    # similarities: from which a match is one, and from which its own matches count. 92 and 90 are
    # cosines of 0.50 and 0.47 of the embedded engine (docs/calibration.md)
    face_query_expansion_anchor: float = _setting(92.0, _number(0, 100))
    face_query_expansion_threshold: float = _setting(92.0, _number(0, 100))
    max_upload_mb: int = _setting(50, _whole(1, 10_000))
    max_image_pixels: int = _setting(200_000_000, _whole(1_000_000, 2_000_000_000))
    findme_host: str = _setting("127.0.0.1", str)
    findme_port: int = _setting(8000, _whole(0, 65_535))
    findme_data_dir: Path = _setting(Path("var"), Path)  # noqa: RUF009 - a field
    # the file that records deletions apart from the database; None: erasures.log in the data
    # directory. On another disk it survives the loss of this one, and a restore repeats all of them
    erasure_journal: Path | None = _setting(None, Path)  # noqa: RUF009 - a field
    # how guests reach the service; None: as the request says
    findme_base_url: str | None = _setting(None, _url("http", "https"))
    # networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting((), _networks)
    findme_admin_email: str | None = _setting(None, _email)
    findme_admin_password: str | None = _setting(None, str, secret=True)
    # `required`: an admin without a second factor has no rights but to set one up
    findme_admin_second_factor: str = _setting("optional", _one_of("optional", "required"))
    metrics_token: str | None = _setting(None, str, secret=True)
    # what `findme watch` and `findme upload` sign in with: here it is in no process list
    findme_token: str | None = _setting(None, str, secret=True)
    # lines for people, or JSON with the ids of request, job and event for programs
    log_format: str = _setting("text", _one_of("text", "json"))
    # webhooks to loopback and private addresses: they would let admins reach what only we can
    webhook_allow_private: bool = _setting(False, _flag)
    smtp_url: str | None = _setting(None, _smtp_url, secret=True)
    # the sender of mail; None: the user of SMTP_URL, or findme@ its host
    mail_from: str | None = _setting(None, _sender)
    # who is responsible for guests' data, and how to reach them, if an event does not say; None:
    # the first admin's name and address
    controller_name: str | None = _setting(None, str)
    controller_contact: str | None = _setting(None, str)
    # minutes between two messages to a guest about new photos
    notify_minutes: int = _setting(15, _whole(1, 1440))

    @property
    def max_upload_bytes(self) -> int:
        """The most bytes of one file."""
        return self.max_upload_mb * 1024 * 1024

    @property
    def is_https(self) -> bool:
        """Whether guests reach the service by https, as far as the settings say."""
        return (self.findme_base_url or "").startswith("https://")

    @property
    def pool_min_size(self) -> int:
        """Connections kept open."""
        if self.db_pool_size is not None:
            return self.db_pool_size
        return 20 if self.database_url else 4

    @property
    def pool_max_size(self) -> int:
        """The most connections: DB_POOL_SIZE (20 if unset) and DB_MAX_OVERFLOW."""
        return (self.db_pool_size or 20) + self.db_max_overflow

    @property
    def search_floor(self) -> float:
        """The similarity from which matches are stored, so that moving a threshold is free."""
        return min(80.0, self.face_maybe_threshold)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings from *env*; StartError names the first that cannot be read."""
        known = {item.name.upper(): item for item in fields(cls)}
        for name in sorted(env):
            if name in RENAMED:
                raise StartError(f"{name} is called {RENAMED[name]} now: see docs/upgrade.md.")
            ours = name.startswith(OUR_PREFIXES) and name not in NOT_SETTINGS
            if ours and name not in known and not name.startswith(NOT_SETTINGS_PREFIX):
                raise StartError(f"Unknown setting {name}: see docs/settings.md.")
        values: dict[str, object] = {}
        for name, item in known.items():
            text = env.get(name, "").strip()
            if text:
                try:
                    values[item.name] = item.metadata["parse"](text)
                except ValueError as error:
                    shown = repr(text) if item.repr else "its value"
                    raise StartError(f"{name}: {shown} is not {error}.") from error
        settings = cls(**values)  # type: ignore[arg-type]  # the parsers give each field its type
        if settings.face_maybe_threshold > settings.face_match_threshold:
            raise StartError("FACE_MAYBE_THRESHOLD is above FACE_MATCH_THRESHOLD.")
        if bool(settings.findme_admin_email) != bool(settings.findme_admin_password):
            raise StartError("FINDME_ADMIN_EMAIL and FINDME_ADMIN_PASSWORD go together.")
        return settings


def read_env_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines in the syntax of python-dotenv; {} if there is no such file.

    Nothing is interpolated. StartError names the first line that is malformed: python-dotenv would
    only log it, and the service would start with a default.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StartError(f"{path} is not UTF-8 text.") from error
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        source = binding.original.string
        if binding.key is None and not binding.error:  # a comment or blank lines
            continue
        key, value = binding.key or "", binding.value
        # a quote that is not closed would swallow the lines up to the next quote
        if value is None or not _NAME.fullmatch(key) or "\n" in source.strip():
            blank = source[: len(source) - len(source.lstrip())]
            line = binding.original.line + blank.count("\n")
            raise StartError(f"{path}, line {line}: expected NAME=value.")
        values[key] = value
    return values
