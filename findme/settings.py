"""Every setting: its name, default, unit and reason, read once at the start.

No other module looks at the environment. docs/settings.md says the same for operators.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from findme.errors import StartError

#: Variables of ours that a typing error would otherwise hide.
OUR_PREFIXES = ("FINDME_", "PHOTO_QUEUE_", "FACE_", "MAX_UPLOAD_", "MAX_IMAGE_", "REKOGNITION_")
#: Ours by prefix, but read by the tests, not by the service.
NOT_SETTINGS = frozenset({"FINDME_PHOTOS", "FINDME_CHROMIUM"})
#: What the face service's own command reads.
NOT_SETTINGS_PREFIX = "FINDME_FACES_"
#: Settings of earlier versions: old name -> new name. An old name stops the start, so that nobody
#: upgrades and silently falls back to a default.
RENAMED: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The service's settings; each field is the variable's name in lower case."""

    # asyncpg's form, or None for the embedded server under the data directory
    database_url: str | None = field(default=None, repr=False)
    # aws, embedded or auto
    face_engine: str = "auto"
    # botocore itself reads only AWS_DEFAULT_REGION and its own files
    aws_region: str | None = None
    # worker coroutines: three keep two cores and the engine busy
    photo_queue_workers: int = 3
    # photos waiting, over which an upload is refused with 503
    photo_queue_max_size: int = 1000
    # Rekognition calls in flight
    aws_concurrent_requests: int = 10
    # calls a second of each operation on pictures and faces, in each process; 0: no limit. None:
    # 80 % of AWS's default quota in the region, which leaves room for others on the account, and
    # no limit where the endpoint is not AWS
    rekognition_calls_per_second: float | None = None
    # US dollars that the calls of a month (UTC) may cost before they wait for the next; None: no
    # limit, since a service that stops finding people should be somebody's decision
    rekognition_monthly_budget_usd: float | None = None
    # connections kept open; None: 20, or 4 with the embedded server
    db_pool_size: int | None = None
    db_max_overflow: int = 50
    # seconds that a photo list may be served from the cache
    cache_ttl: int = 30
    cache_url: str = field(default="memory://", repr=False)
    # `database` (chunk rows in PostgreSQL)
    image_store: str = "database"
    # similarities, 0..100
    face_match_threshold: float = 90.0
    face_maybe_threshold: float = 80.0
    # seconds that a face must have been indexed before a search decides it; None: 5 on AWS (its
    # own margin is not documented), 0 with any other endpoint: those read their own writes
    face_settle_seconds: float | None = None
    # a busy queue is searched at the latest after so many seconds, an idle one after FACE_IDLE
    face_flush_seconds: float = 30.0
    face_idle_seconds: float = 2.0
    # the second hop: strong matches become further references. `auto`: on where searches are free
    # (embedded), off on AWS, where each costs 0.001 USD
    face_hop: str = "auto"
    # similarities: from which a match is one, and from which its own matches count. 95 and 92 are
    # distances of 0.45 and 0.483 of the embedded engine (docs/calibration.md)
    face_hop_anchor: float = 95.0
    face_hop_threshold: float = 92.0
    max_upload_mb: int = 50
    max_image_pixels: int = 200_000_000
    findme_host: str = "127.0.0.1"
    findme_port: int = 8000
    findme_data_dir: Path = Path("var")
    # where deletions are noted apart from the database; None: erasures.log in the data directory.
    # On another disk it outlives this one, and a restore knows of all of them
    erasure_journal: Path | None = None
    # how guests reach the service; None: as the request says
    findme_base_url: str | None = None
    # networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    findme_admin_email: str | None = None
    findme_admin_password: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    # what `findme watch` and `findme upload` show: in the environment it stands in no process list
    findme_token: str | None = field(default=None, repr=False)
    # lines for people, or JSON with the ids of request, job and event for programs
    log_format: str = "text"
    # webhooks to loopback and private addresses: they would let admins reach what only we can
    webhook_allow_private: bool = False
    smtp_url: str | None = field(default=None, repr=False)
    # who mail comes from; None: the user of SMTP_URL, or findme@ its host
    mail_from: str | None = None
    # minutes between two messages to a guest about new photos
    notify_minutes: int = 15

    @property
    def max_upload_bytes(self) -> int:
        """The most bytes of one file."""
        return self.max_upload_mb * 1024 * 1024

    @property
    def pool_min_size(self) -> int:
        """Connections kept open."""
        if self.db_pool_size is not None:
            return self.db_pool_size
        return 20 if self.database_url else 4

    @property
    def pool_max_size(self) -> int:
        """The most connections: DB_POOL_SIZE (20 where unset) and DB_MAX_OVERFLOW."""
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
                    values[item.name] = _PARSERS[item.name](text)
                except ValueError as error:
                    shown = "its value" if not item.repr or "password" in item.name else repr(text)
                    raise StartError(f"{name}: {shown} is not {error}.") from error
        settings = cls(**values)  # type: ignore[arg-type]  # the parsers give each field its type
        if settings.face_maybe_threshold > settings.face_match_threshold:
            raise StartError("FACE_MAYBE_THRESHOLD is above FACE_MATCH_THRESHOLD.")
        if bool(settings.findme_admin_email) != bool(settings.findme_admin_password):
            raise StartError("FINDME_ADMIN_EMAIL and FINDME_ADMIN_PASSWORD go together.")
        return settings


def read_env_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines; quotes around a value and lines that begin with # fall away."""
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise StartError(f"{path} is not UTF-8 text.") from error
    values: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise StartError(f"{path}, line {number}: expected NAME=value.")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values


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


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "database_url": _url("postgresql", "postgres"),
    "face_engine": _one_of("auto", "aws", "embedded"),
    "aws_region": str,
    "photo_queue_workers": _whole(1, 64),
    "photo_queue_max_size": _whole(1, 1_000_000),
    "aws_concurrent_requests": _whole(1, 1000),
    "rekognition_calls_per_second": _number(0, 10_000),
    "rekognition_monthly_budget_usd": _number(0, 1_000_000),
    "db_pool_size": _whole(1, 500),
    "db_max_overflow": _whole(0, 500),
    "cache_ttl": _whole(0, 86_400),
    "cache_url": _url("memory", "redis", "rediss"),
    "image_store": _image_store,
    "face_match_threshold": _number(0, 100),
    "face_maybe_threshold": _number(0, 100),
    "face_settle_seconds": _number(0, 600),
    "face_flush_seconds": _number(0, 3600),
    "face_idle_seconds": _number(0, 600),
    "face_hop": _one_of("auto", "on", "off"),
    "face_hop_anchor": _number(0, 100),
    "face_hop_threshold": _number(0, 100),
    "max_upload_mb": _whole(1, 10_000),
    "max_image_pixels": _whole(1_000_000, 2_000_000_000),
    "findme_host": str,
    "findme_port": _whole(0, 65_535),
    "findme_data_dir": Path,
    "erasure_journal": Path,
    "findme_base_url": _url("http", "https"),
    "trusted_proxies": _networks,
    "findme_admin_email": _email,
    "findme_admin_password": str,
    "metrics_token": str,
    "findme_token": str,
    "log_format": _one_of("text", "json"),
    "webhook_allow_private": lambda text: _one_of("0", "1")(text) == "1",
    "smtp_url": _smtp_url,
    "mail_from": _sender,
    "notify_minutes": _whole(1, 1440),
}
