"""The documents against the code: what a reader looks up is there, and true."""

import configparser
import re
from dataclasses import MISSING, fields
from pathlib import Path

import findme
from findme import errors
from findme.errors import FindMeError
from findme.settings import Settings
from findme.web import routes
from findme.web.openapi.call_list import call_list

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| (`.+?`) \| (.+?) \|", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE
    )
    documented = {
        name: default.strip("`")
        for names, default in rows
        for name in names.strip("`").split("`, `")
    }

    for item in fields(Settings):
        assert item.name.upper() in documented
        shown = documented[item.name.upper()]
        assert item.default is not MISSING
        if item.default in (None, ()):
            assert shown == "–", item.name
        elif isinstance(item.default, Path):
            assert Path(shown) == item.default
        elif isinstance(item.default, str):
            assert shown == item.default
        else:
            assert float(shown) == item.default, item.name


def test_the_list_of_calls_is_the_one_that_make_docs_writes() -> None:
    written = (ROOT / "docs/api-calls.md").read_text("utf-8")

    assert written == call_list(routes.calls_of(routes.all_routes()))


def test_every_error_code_is_documented() -> None:
    api = (ROOT / "docs/api.md").read_text("utf-8")
    codes = {
        failure.code
        for failure in vars(errors).values()
        if isinstance(failure, type) and issubclass(failure, FindMeError)
    }

    assert [code for code in sorted(codes) if f"`{code}`" not in api] == []


def test_every_package_is_installed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    there = {
        str(file.parent.relative_to(ROOT)).replace("/", ".")
        for file in (ROOT / "findme").rglob("__init__.py")
    }

    assert set(config["options"]["packages"].split()) == there | {
        "findme.templates",
        "findme.migrations",
    }


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
        if "://" not in target and not _exists(document, target)
    ]

    assert broken == []


def _exists(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists():
        return False
    if not anchor:
        return True
    headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return anchor in {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_every_test_that_a_document_promises_exists() -> None:
    """docs/security.md names the test of each requirement that is met."""
    text = (ROOT / "docs/security.md").read_text("utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    assert len(named) > 50

    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (ROOT / "tests" / file).read_text("utf-8")
    ]

    assert missing == []


def test_decisions_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))

    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]


def test_every_make_command_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text("utf-8"), re.MULTILINE)
    }

    assert named <= targets


def test_the_newest_version_of_the_changelog_is_the_packages() -> None:
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        re.MULTILINE,
    )

    assert versions[0] == findme.__version__


def test_no_sentence_begins_with_who_and_has_no_noun() -> None:
    """A question may; "Who uploads sees …" names nobody (CONTRIBUTING, English)."""
    vague = [
        f"{document.relative_to(ROOT)}: {sentence}"
        for document in DOCUMENTS
        if document.parent.name != "decisions"
        for sentence in re.findall(
            r"(?:^|[.:;|] |^- )(Who(?:ever)? [^.?\n]*[.;|])",
            document.read_text("utf-8"),
            re.MULTILINE,
        )
    ]

    assert vague == []
