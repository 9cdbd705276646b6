"""The tabs of a gallery and their addresses."""

from yarl import URL

from findme.models import Event, Gallery
from findme.services.guest_gallery import Tab

MINE, MAYBE, ALL, FAVOURITES = Tab.MINE, Tab.MAYBE, Tab.ALL, Tab.FAVOURITES


def tabs_of(event: Event, *, consented: bool = True) -> list[Tab]:
    """Return the tabs that an event's guests have; without consent there are no own photos."""
    own = [MINE, MAYBE] if consented else []
    return [*own, *([] if event.gallery is Gallery.OWN else [ALL]), FAVOURITES]


def gallery_url(event: Event, tab: str) -> str:
    """Return the address of a tab."""
    return str(URL("/gallery").with_query(event=str(event.id), tab=str(tab)))
