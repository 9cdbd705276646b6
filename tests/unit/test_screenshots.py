"""The pictures of the documents: of every page, at both widths, and small."""

from tests.screenshots import FOLDER, PAGES
from tests.support.browser import DESKTOP, PHONE

#: Bytes of all of them together.
BUDGET = 4_000_000


def test_every_page_has_its_two_pictures_and_nothing_is_left_over() -> None:
    wanted = {f"{name}-{size[0]}.png" for name in PAGES for size in (PHONE, DESKTOP)}
    kept = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}

    assert set(kept) == wanted
    assert sum(kept.values()) < BUDGET


def test_the_list_of_pictures_leads_to_all_of_them() -> None:
    listed = (FOLDER / "README.md").read_text("utf-8")

    assert [path.name for path in FOLDER.glob("*.png") if f"({path.name})" not in listed] == []
