"""Every address of the service: the nouns, each with its ROUTES."""

from aiohttp import web

from findme.web import health, metrics, openapi
from findme.web.guest import (
    access_link,
    access_link_mail,
    account,
    account_page,
    auth,
    avatar,
    browse,
    downloads,
    erasure,
    erasure_receipts,
    event_branding,
    favourites,
    gallery_page,
    home_pages,
    join,
    live_stream,
    live_wall,
    notifications,
    password_resets,
    photo_page,
    photos,
    reports,
    selfies,
    verdicts,
)
from findme.web.operator import (
    audit_log,
    dashboard_page,
    engine_costs,
    jobs_page,
    queue,
    runtime_control,
    webhook_pages,
    webhooks,
)
from findme.web.organiser import (
    contact_sheet,
    contact_sheet_page,
    covers,
    event_options_page,
    event_pages,
    events,
    missed_faces,
    persons,
    persons_page,
    reports_page,
    threshold_preview,
    threshold_preview_page,
)
from findme.web.organiser import guests as guest_list
from findme.web.organiser import photos as event_photos
from findme.web.organiser import reports as event_reports
from findme.web.photographer import known_hashes, resumable, upload_tokens, uploads

#: What every role answers.
OF_A_WORKER = (health, metrics)
#: What the roles answer that guests, photographers and admins reach.
OF_THE_WEB = (
    account,
    account_page,
    queue,
    event_pages,
    downloads,
    audit_log,
    auth,
    avatar,
    browse,
    event_options_page,
    contact_sheet,
    runtime_control,
    engine_costs,
    covers,
    dashboard_page,
    event_branding,
    event_photos,
    event_reports,
    events,
    favourites,
    gallery_page,
    guest_list,
    join,
    jobs_page,
    access_link,
    access_link_mail,
    known_hashes,
    erasure,
    missed_faces,
    notifications,
    openapi,
    home_pages,
    persons,
    persons_page,
    photo_page,
    photos,
    contact_sheet_page,
    erasure_receipts,
    threshold_preview,
    reports,
    reports_page,
    password_resets,
    resumable,
    selfies,
    live_stream,
    threshold_preview_page,
    upload_tokens,
    uploads,
    verdicts,
    live_wall,
    webhook_pages,
    webhooks,
)


def add_routes(app: web.Application, *, worker: bool) -> None:
    """Add the routes to the application; a *worker* has its health and figures alone."""
    for noun in OF_A_WORKER if worker else (*OF_A_WORKER, *OF_THE_WEB):
        app.add_routes(noun.ROUTES)
