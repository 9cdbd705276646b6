"""Who is responsible for an event's data: guests read it, and the organiser confirms it."""

from dataclasses import dataclass

from aiohttp import web

from findme import db
from findme.accounts import auth
from findme.models import Event
from findme.web.keys import POOL, SETTINGS


@dataclass(frozen=True, slots=True)
class Responsible:
    """The controller in the words of the GDPR (article 4), and how to reach them."""

    controller: str
    #: Empty if nobody is known.
    contact: str
    #: False if one of the two is only assumed: the name or the address of the first admin.
    confirmed: bool


async def responsible_for(request: web.Request, event: Event) -> Responsible:
    """Return who is named for the event, or else in the settings, or else the first admin."""
    settings = request.app[SETTINGS]
    controller = event.controller or settings.controller_name
    contact = event.contact or settings.controller_contact
    if controller is not None and contact is not None:
        return Responsible(controller, contact, confirmed=True)
    async with db.acquire(request.app[POOL]) as conn:
        name, email = await auth.find_first_admin(conn) or (event.name, "")
    return Responsible(controller or name, contact or email, confirmed=False)
