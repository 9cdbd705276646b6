"""Settings: every name of the contract, and one clear line for whatever is wrong."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from findme import settings
from findme.errors import StartError
from findme.settings import Settings, read_env_file
from tests.support.pictures import ROOT

#: Each name of the contract with a value other than the default, and what it means.
VALUES: dict[str, tuple[str, object]] = {
    "DATABASE_URL": ("postgresql://ada@db/findme", "postgresql://ada@db/findme"),
    "FACE_ENGINE": ("aws", "aws"),
    "PHOTO_QUEUE_WORKERS": ("5", 5),
    "PHOTO_QUEUE_MAX_SIZE": ("17", 17),
    "AWS_CONCURRENT_REQUESTS": ("4", 4),
    "DB_POOL_SIZE": ("7", 7),
    "DB_MAX_OVERFLOW": ("0", 0),
    "CACHE_TTL": ("0", 0),
    "CACHE_URL": ("redis://cache:6379/1", "redis://cache:6379/1"),
    "IMAGE_STORE": ("database", "database"),
    "FACE_MATCH_THRESHOLD": ("95.5", 95.5),
    "FACE_MAYBE_THRESHOLD": ("70", 70.0),
    "MAX_UPLOAD_MB": ("3", 3),
    "MAX_IMAGE_PIXELS": ("5000000", 5_000_000),
    "FINDME_HOST": ("0.0.0.0", "0.0.0.0"),
    "FINDME_PORT": ("0", 0),
    "FINDME_DATA_DIR": ("/srv/findme", Path("/srv/findme")),
    "FINDME_BASE_URL": ("https://photos.example.org/", "https://photos.example.org"),
    "METRICS_TOKEN": ("scrape", "scrape"),
    "SMTP_URL": ("smtp://mail:25", "smtp://mail:25"),
}
MALFORMED = {
    "DATABASE_URL": "mysql://db",
    "FACE_ENGINE": "dlib",
    "PHOTO_QUEUE_WORKERS": "0",
    "PHOTO_QUEUE_MAX_SIZE": "_",
    "AWS_CONCURRENT_REQUESTS": "ten",
    "DB_POOL_SIZE": "-1",
    "DB_MAX_OVERFLOW": "1.5",
    "CACHE_TTL": "30s",
    "CACHE_URL": "memcached://cache",
    "IMAGE_STORE": "ftp://images",
    "FACE_MATCH_THRESHOLD": "101",
    "FACE_MAYBE_THRESHOLD": "nan",
    "MAX_UPLOAD_MB": "1e3",
    "MAX_IMAGE_PIXELS": "9" * 30,
    "FINDME_PORT": "65536",
    "FINDME_BASE_URL": "photos.example.org",
    "FINDME_ADMIN_EMAIL": "nobody",
    "SMTP_URL": "http://mail",
}


@pytest.mark.parametrize("name", VALUES)
def test_each_setting_of_the_contract_is_read(name: str) -> None:
    text, value = VALUES[name]
    assert getattr(Settings.from_env({name: text}), name.lower()) == value
    assert getattr(Settings(), name.lower()) != value or name == "IMAGE_STORE"


def test_the_defaults_are_those_of_the_contract() -> None:
    defaults = Settings.from_env({})
    assert defaults == Settings()
    assert (defaults.face_match_threshold, defaults.face_maybe_threshold) == (90, 80)
    assert (defaults.photo_queue_workers, defaults.photo_queue_max_size) == (3, 1000)
    assert (defaults.max_upload_bytes, defaults.max_image_pixels) == (50 * 1024**2, 200_000_000)
    assert (defaults.findme_host, defaults.findme_port) == ("127.0.0.1", 8000)
    assert defaults.pool_max_size == 70


def test_an_empty_value_is_the_default() -> None:
    assert Settings.from_env({"CACHE_TTL": "", "FINDME_BASE_URL": "  "}) == Settings()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_value_stops_the_start_with_one_line_that_names_it(name: str) -> None:
    with pytest.raises(StartError, match=f"^{name}: .+ is not (a|an|one of) .+[.]$") as caught:
        Settings.from_env({name: MALFORMED[name]})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "name", ["FINDME_PROT", "PHOTO_QUEUE_SIZE", "FACE_TRESHOLD", "MAX_UPLOAD_GB", "MAX_IMAGE_SIZE"]
)
def test_an_unknown_name_stops_the_start(name: str) -> None:
    with pytest.raises(StartError, match=f"Unknown setting {name}"):
        Settings.from_env({name: "1"})


def test_a_renamed_setting_stops_the_start_and_names_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(settings.RENAMED, "PHOTO_QUEUE_SLOTS", "PHOTO_QUEUE_WORKERS")

    with pytest.raises(StartError, match="PHOTO_QUEUE_SLOTS is called PHOTO_QUEUE_WORKERS now"):
        Settings.from_env({"PHOTO_QUEUE_SLOTS": "3"})


def test_every_new_name_of_a_renamed_setting_exists() -> None:
    names = {item.name.upper() for item in fields(Settings)}

    assert set(settings.RENAMED.values()) <= names
    assert not set(settings.RENAMED) & names


def test_names_of_others_are_left_alone() -> None:
    env = {"PATH": "/bin", "FINDME_PHOTOS": "/photos", "FINDME_FACES_PORT": "9001"}
    assert Settings.from_env(env) == Settings()


def test_a_maybe_above_the_match_threshold_is_refused() -> None:
    with pytest.raises(StartError, match="FACE_MAYBE_THRESHOLD is above FACE_MATCH_THRESHOLD"):
        Settings.from_env({"FACE_MATCH_THRESHOLD": "80", "FACE_MAYBE_THRESHOLD": "81"})


def test_an_admin_needs_both_address_and_password() -> None:
    with pytest.raises(StartError, match="go together"):
        Settings.from_env({"FINDME_ADMIN_EMAIL": "ada@example.org"})
    both = {"FINDME_ADMIN_EMAIL": "ada@example.org", "FINDME_ADMIN_PASSWORD": "a long one"}
    assert Settings.from_env(both).findme_admin_password == "a long one"


def test_no_secret_is_in_the_repr_nor_in_an_error() -> None:
    read = Settings.from_env(
        {
            "DATABASE_URL": "postgresql://ada:hunter2@db/findme",
            "CACHE_URL": "redis://:hunter2@cache",
            "FINDME_ADMIN_EMAIL": "ada@example.org",
            "FINDME_ADMIN_PASSWORD": "hunter2",
            "METRICS_TOKEN": "hunter2",
            "SMTP_URL": "smtp://ada:hunter2@mail",
        }
    )
    assert "hunter2" not in repr(read)
    with pytest.raises(StartError) as caught:
        Settings.from_env({"DATABASE_URL": "mysql://ada:hunter2@db"})
    assert "hunter2" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().cache_ttl = 1  # type: ignore[misc]  # this is what must not work


def test_the_page_for_operators_names_every_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    names = [item.name.upper() for item in fields(Settings)]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_an_env_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# ours\n\nFINDME_PORT=8100\nexport CACHE_TTL = 5\nMETRICS_TOKEN='a=b c'\n"
        'FINDME_HOST="::1" # loopback\nSMTP_URL=smtp://$USER:a#b@mail # ours\r\nMAIL_FROM=\n',
        encoding="utf-8",
    )
    assert read_env_file(file) == {
        "FINDME_PORT": "8100",
        "CACHE_TTL": "5",
        "METRICS_TOKEN": "a=b c",
        "FINDME_HOST": "::1",
        "SMTP_URL": "smtp://$USER:a#b@mail",
        "MAIL_FROM": "",
    }


def test_no_env_file_is_no_setting(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    "line",
    [
        "FINDME_PORT 8100",
        "FINDME_PORT",
        "FINDME PORT=1",
        "=1",
        "1=1",
        "FINDME_HOST='::1",
        "FINDME_HOST='::1\nMETRICS_TOKEN=b'",
        "FINDME_HOST='::1' 2",
    ],
)
def test_a_broken_line_of_an_env_file_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"CACHE_TTL=1\n\n{line}\n\nDB_POOL_SIZE=1\n", encoding="utf-8")
    with pytest.raises(StartError, match=r"\.env, line 3: expected NAME=value"):
        read_env_file(file)


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"FINDME_HOST=\xff\xfe\n")
    with pytest.raises(StartError, match=r"\.env is not UTF-8"):
        read_env_file(file)
