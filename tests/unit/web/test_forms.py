"""Forms of the pages: pressed before their script is there, none reloads the page in silence."""

import re

from findme.paths import TEMPLATES


def test_every_form_says_where_it_goes_or_goes_nowhere() -> None:
    """A form without both sends its fields to the page itself, into the address, and does nothing.

    One that a script alone answers is `method="dialog"`: outside a dialog a press does nothing,
    in one it closes.
    """
    silent = [
        (path.name, form)
        for path in sorted(TEMPLATES.rglob("*.html"))
        for form in re.findall(r"<form[^>]*>", path.read_text("utf-8"))
        if "method=" not in form and "action=" not in form
    ]
    assert silent == []
