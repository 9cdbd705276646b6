"""The languages of the pages: complete, well spaced, and all text in the catalogues."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from findme.language import Language, choose, read_languages
from findme.paths import LOCALES, STATIC, TEMPLATES

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
#: The product's name, the codes' example and format names are the same in every language.
NAMES = {"FindMe", "Find", "Me", "SVG", "PNG", "K", "M", "PXQ"}
#: For programmers, in English alone.
NOT_FOR_VISITORS = "api_docs.html"
#: Attributes whose value a visitor reads or hears.
READ_ALOUD = ("alt", "aria-label", "title", "placeholder")


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*.html") if path.name != NOT_FOR_VISITORS)


def forms(text: str | Sequence[str] | None) -> list[str]:
    """Return the forms of a sentence: one, or its plurals."""
    return [text] if isinstance(text, str) else list(text or [])


def sentences() -> Iterator[str | tuple[str, ...]]:
    """Yield every message of the templates and of language.py; plural ones as pairs."""
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "plural": (1, 2)}
    for path in templates():
        with path.open("rb") as file:
            for _, message, _, _ in extract(
                "jinja2.ext:babel_extract", file, keywords=keywords, options={"silent": "false"}
            ):
                yield message
    yield "h:mm a"


def catalogues() -> dict[str, Catalog]:
    found = {}
    for path in LOCALES.glob("*.po"):
        with path.open("rb") as file:
            found[path.stem] = read_po(file, locale=path.stem)
    return found


@pytest.fixture(scope="module")
def languages() -> Mapping[str, Language]:
    return read_languages()


def test_every_sentence_has_its_translation() -> None:
    """English is in the templates; each other catalogue has each sentence, all plural forms."""
    for code, catalogue in catalogues().items():
        missing = []
        for sentence in sentences():
            message = catalogue.get(sentence)
            translated = forms(message.string) if message and not message.fuzzy else []
            if not translated or not all(translated):
                missing.append(sentence)
        assert code == "en" or missing == []


def test_no_translation_is_left_over() -> None:
    """What no page says any more is no work for a translator."""
    said = {sentence if isinstance(sentence, str) else sentence[0] for sentence in sentences()}
    for catalogue in catalogues().values():
        kept = {forms(message.id)[0] for message in catalogue}
        assert kept - said - {""} == set()


def test_translations_keep_the_placeholders() -> None:
    """{n} and %(name)s are filled in by programs."""
    marks = re.compile(r"\{\w+\}|%\(\w+\)[sd]|%%|</?\w+>")
    for catalogue in catalogues().values():
        for message in catalogue:
            wanted = {mark for text in forms(message.id) for mark in marks.findall(text)}
            # a clock without a.m. and p.m. leaves {p} out; "the only photo" needs no number
            optional = {"{p}", "%(num)d", "%(shown)s"}
            for text in forms(message.string):
                assert set(marks.findall(text)) <= wanted, message.id
                assert wanted - optional <= set(marks.findall(text)), message.id


def test_french_is_spaced_as_in_french() -> None:
    """No-break spaces before : ; ? ! and %, the curly apostrophe, no exclamation marks."""
    for message in catalogues()["fr"]:
        for text in forms(message.string) if message.id else []:
            assert not re.search(r" [:;?!»]| %%|« ", text), text
            assert not re.search(rf"[^{NO_BREAK_SPACE} ][?;]", text), text
            # a figure and its unit stay on one line
            assert not re.search(r"[})\d]s? (k?o|[MGT]o|m?s|min|h|j|px|[mck]?m)\b", text), text
            assert "!" not in text, text
            assert message.id == "h:mm a" or "'" not in text, text


def test_templates_hold_no_text_of_their_own() -> None:
    """Everything a visitor reads goes through the catalogues."""
    for path in templates():
        bare = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL
        )
        heard = [value for name in READ_ALOUD for value in re.findall(rf'\b{name}="([^"]*)"', bare)]
        read = re.sub(
            r'<(script|style)\b.*?</\1>|<[^>]*>|[\w-]+="[^"]*"|&\w+;', " ", bare, flags=re.DOTALL
        )
        words = set(re.findall(r"[^\W\d_]+", " ".join([read, *heard])))
        assert words <= NAMES, path


def test_scripts_hold_no_text_of_their_own() -> None:
    """What a script says stands in the page that loads it: each key that it names is there."""
    words = {
        key
        for path in templates()
        for key in re.findall(r'^  "(\w+)":', path.read_text("utf-8"), flags=re.MULTILINE)
    }
    for path in STATIC.glob("*.js"):
        script = path.read_text("utf-8")
        assert set(re.findall(r'\b(?:say|count)\("(\w+)"', script)) <= words, path
        assert not re.search(r'(?:textContent|innerHTML|innerText) = "[^"]', script), path


def test_the_language_is_the_first_wish_that_there_is(languages: dict[str, Language]) -> None:
    """Switch, cookie, browser (by its weights), French."""
    assert choose(languages, ["en", "fr"], "fr").code == "en"
    assert choose(languages, [None, "en"], "fr").code == "en"
    assert choose(languages, ["xx", None], "de, en-GB;q=0.8, fr;q=0.7").code == "en"
    assert choose(languages, [], "fr;q=0.2, en;q=0.9").code == "en"
    assert choose(languages, [], "fr-CH, en;q=0.9").code == "fr"
    assert choose(languages, [], "de, *;q=0").code == "fr"


@pytest.mark.parametrize("header", ["", ";;;", "en;q=x", "q=1", "é", "../../etc", "en" * 1000])
def test_any_header_gives_a_language(languages: dict[str, Language], header: str) -> None:
    """A browser, or whoever says to be one, may send anything."""
    assert choose(languages, [header], header).code in languages


def test_dates_times_and_numbers_are_the_languages_own(languages: dict[str, Language]) -> None:
    """By Babel, in the visitor's zone."""
    when = datetime(2026, 11, 21, 22, 14, tzinfo=UTC)
    paris = ZoneInfo("Europe/Paris")
    french, english = languages["fr"], languages["en"]
    assert french.clock(when, paris) == f"23{NO_BREAK_SPACE}h{NO_BREAK_SPACE}14"
    assert english.clock(when, paris).split() == ["11:14", "PM"]
    assert french.date(when, paris) == "samedi 21 novembre 2026"
    assert english.day(when, ZoneInfo("Asia/Tokyo")) == "November 22, 2026"
    assert re.fullmatch(r"1\s318", french.number(1318))
    assert english.number(1318) == "1,318"


def test_the_page_agrees_with_its_figures(languages: dict[str, Language]) -> None:
    """French agrees with how many are done, English with all of them; a guest begins at 0 of 12."""
    words = "<strong>%(number)s of %(total)s photos</strong> searched"
    begun = [
        [
            languages[code].ngettext(words, words, done) % {"number": done, "total": 12}
            for done in (0, 1, 2)
        ]
        for code in ("fr", "en")
    ]
    assert begun == [
        [
            "<strong>0 photo sur 12</strong> parcourue",
            "<strong>1 photo sur 12</strong> parcourue",
            "<strong>2 photos sur 12</strong> parcourues",
        ],
        [
            "<strong>0 of 12 photos</strong> searched",
            "<strong>1 of 12 photos</strong> searched",
            "<strong>2 of 12 photos</strong> searched",
        ],
    ]


def test_scripts_get_all_plural_forms(languages: dict[str, Language]) -> None:
    """By the names that Intl.PluralRules gives them."""
    assert languages["fr"].plural("{n} new photo", "{n} new photos") == {
        "one": "{n} nouvelle photo",
        "other": "{n} nouvelles photos",
    }
