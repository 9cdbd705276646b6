"""The languages of the pages: sentences from locales/*.po, dates and numbers by Babel.

The templates hold the English sentences. Another language is one file, `locales/<code>.po`; Babel
has the names and rules of its plurals, dates and numbers.
"""

import functools
import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from babel import Locale, UnknownLocaleError, dates, numbers, units
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.plural import to_python

from findme.paths import LOCALES

#: The language for visitors who ask for none that we have.
DEFAULT = "fr"
#: The first numbers hold every plural form of the languages that Babel knows, but for "many".
_SAMPLES = range(201)


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the pages."""

    code: str
    locale: Locale
    catalogue: gettext.NullTranslations

    @property
    def name(self) -> str:
        """The language's name for itself."""
        return (self.locale.get_display_name(self.locale) or self.code).capitalize()

    def gettext(self, sentence: str) -> str:
        """Return the sentence in this language."""
        return self.catalogue.gettext(sentence)

    def ngettext(self, one: str, other: str, number: int) -> str:
        """Return the plural form of the sentence for *number*."""
        return self.catalogue.ngettext(one, other, number)

    def plural(self, one: str, other: str) -> dict[str, str]:
        """Return all plural forms by their CLDR names, for scripts that choose by themselves."""
        tag_of = to_python(self.locale.plural_form)
        forms: dict[str, str] = {}
        for number in _SAMPLES:
            forms.setdefault(tag_of(number), self.ngettext(one, other, number))
        forms.setdefault("other", self.ngettext(one, other, _SAMPLES[-1]))
        return forms

    def number(self, value: float) -> str:
        """Return 1318 as `1 318` or `1,318`."""
        return numbers.format_decimal(value, locale=self.locale)

    def seconds(self, value: float) -> str:
        """Return 6.24 as `6,2 s`, and longer times in minutes, hours or days."""
        for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
            if value >= 2 * length:
                return self._unit(value / length, unit, "0.#" if unit == "hour" else "0")
        return self._unit(value, "second", "0.0" if value < 10 else "0")

    def size(self, value: float) -> str:
        """Return bytes as `312 Mo` or `312 MB`, in powers of 1000."""
        for unit, length in (("gigabyte", 1e9), ("megabyte", 1e6)):
            if value >= length:
                pattern = "0.#" if value < 10 * length else "0"
                return self._unit(value / length, f"digital-{unit}", pattern)
        return self._unit(value / 1e3, "digital-kilobyte", "0")

    def percent(self, share: float, digits: int = 0) -> str:
        """Return 0.8214 as `82 %`, or with two digits as `82,14 %`."""
        pattern = self.locale.percent_formats[None].pattern
        if digits:
            pattern = pattern.replace("#,##0", "#,##0." + "0" * digits)
        return numbers.format_percent(share, pattern, locale=self.locale)

    def dollars(self, value: float) -> str:
        """Return 1.42 as `1,42 $` or `$1.42`."""
        pattern = self.locale.currency_formats["standard"].pattern
        sign = pattern.replace("\u00a4", "$")
        return numbers.format_decimal(value, sign, locale=self.locale)

    def _unit(self, value: float, unit: str, pattern: str) -> str:
        text = units.format_unit(value, unit, "short", format=pattern, locale=self.locale)
        assert text is not None
        return text.replace(" ", "\u00a0").replace("\u202f", "\u00a0")

    def date(self, when: datetime, zone: tzinfo) -> str:
        """Return `samedi 21 novembre 2026`."""
        return dates.format_date(when.astimezone(zone), "full", locale=self.locale)

    def day(self, when: datetime, zone: tzinfo) -> str:
        """Return `21 novembre 2026`."""
        return dates.format_date(when.astimezone(zone), "long", locale=self.locale)

    def clock(self, when: datetime, zone: tzinfo) -> str:
        """Return `23 h 14`; the catalogue holds the language's pattern (CLDR date fields)."""
        pattern = self.gettext("h:mm a")
        return dates.format_time(when, pattern, tzinfo=zone, locale=self.locale)


@functools.cache
def read_languages(folder: Path = LOCALES) -> Mapping[str, Language]:
    """Read every catalogue once a process, the default language first."""
    languages = {}
    for path in sorted(folder.glob("*.po"), key=lambda path: (path.stem != DEFAULT, path.stem)):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.stem)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        languages[path.stem] = Language(
            path.stem, Locale.parse(path.stem), gettext.GNUTranslations(compiled)
        )
    return languages


def choose(languages: Mapping[str, Language], wishes: list[str | None], accepted: str) -> Language:
    """Return the first of the *wishes* that exists, else the best match of an Accept-Language."""
    for code in [*wishes, *_by_quality(accepted)]:
        if code and (found := languages.get(_base(code))):
            return found
    return languages[DEFAULT]


def _by_quality(accepted: str) -> list[str]:
    ranges = []
    for item in accepted.split(","):
        code, _, parameter = item.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        if code and quality > 0:
            ranges.append((quality, code))
    # sorted() is stable: equals stay in the order of the header
    return [code for _, code in sorted(ranges, key=lambda item: -item[0])]


def _base(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").language
    except (ValueError, UnknownLocaleError):
        return code
