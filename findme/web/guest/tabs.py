"""The tabs of a gallery and their addresses."""

from yarl import URL

from findme.models import Event, Gallery

MINE, MAYBE, ALL, FAVOURITES = "mine", "maybe", "all", "favourites"
EVERY_TAB = (MINE, MAYBE, ALL, FAVOURITES)


def tabs_of(event: Event, *, consented: bool = True) -> list[str]:
    """Return the tabs that an event's guests have; who is looked for nowhere has no own photos."""
    own = [MINE, MAYBE] if consented else []
    return [*own, *([] if event.gallery is Gallery.OWN else [ALL]), FAVOURITES]


def gallery_url(event: Event, tab: str) -> str:
    """Return the address of a tab."""
    return str(URL("/gallery").with_query(event=str(event.id), tab=tab))
