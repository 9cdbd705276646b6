"""The three tabs of a gallery and their addresses."""

from yarl import URL

from findme.models import Event, Gallery

MINE, MAYBE, ALL = "mine", "maybe", "all"


def tabs_of(event: Event) -> list[str]:
    """Return the tabs that an event's guests have."""
    return [MINE, MAYBE] if event.gallery is Gallery.OWN else [MINE, MAYBE, ALL]


def gallery_url(event: Event, tab: str) -> str:
    """Return the address of a tab."""
    return str(URL("/gallery").with_query(event=str(event.id), tab=tab))
