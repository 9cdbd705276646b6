"""Who may do what: every route by those who get in.

Everyone else is refused: 401 without a session or a token, 404 with one. A route that is named
nowhere here fails test_rights.py, so whoever adds one says whom it is for.
"""

from collections.abc import Mapping
from typing import Final

NOBODY: Final = "nobody"
#: Of the event: in the usual way, without consent and selfie, with a name and a link only.
GUEST, BROWSER, NAMED = "guest", "browser", "named"
#: A guest of another event.
STRANGER: Final = "stranger"
#: Upload tokens of the event and of another one.
PHOTOGRAPHER, OUTSIDER = "photographer", "outsider"
ADMIN: Final = "admin"

Callers = frozenset[str]

EVERYONE: Final[Callers] = frozenset(
    {NOBODY, GUEST, BROWSER, NAMED, STRANGER, PHOTOGRAPHER, OUTSIDER, ADMIN}
)
TOKENS: Final[Callers] = EVERYONE - {NOBODY}
USERS: Final[Callers] = frozenset({GUEST, BROWSER, NAMED, STRANGER, ADMIN})
MEMBERS: Final[Callers] = frozenset({GUEST, BROWSER, NAMED})
#: Guests who let themselves be looked for.
FOUND: Final[Callers] = frozenset({GUEST, NAMED})
VIEWERS: Final[Callers] = MEMBERS | {ADMIN}
#: The one whose selfie it is.
OWNER: Final[Callers] = frozenset({GUEST})
PHOTOGRAPHERS: Final[Callers] = frozenset({PHOTOGRAPHER, OUTSIDER})
UPLOADERS: Final[Callers] = frozenset({PHOTOGRAPHER, ADMIN})
ADMINS: Final[Callers] = frozenset({ADMIN})

RIGHTS: Final[Mapping[Callers, str]] = {
    # what needs nothing, or whose address is the key
    EVERYONE: """
        GET /
        GET /e
        GET /e/{code}
        POST /e/{code}
        POST /e/{code}/browse
        GET /e/{code}/out
        POST /e/{code}/out
        GET /e/{code}/cover
        GET /accent/{colour}.css
        GET /login
        POST /login
        POST /logout
        GET /forgotten
        POST /forgotten
        GET /confirm/{token}
        POST /confirm/{token}
        GET /reset/{token}
        POST /reset/{token}
        GET /k/{key}
        POST /k/{key}
        GET /receipt/{token}
        GET /unsubscribe/{token}
        POST /unsubscribe/{token}
        GET /wall/{token}
        GET /wall/{token}/qr.svg
        GET /api/wall/{token}/photos
        GET /api/wall/{token}/photos/{id}
        GET /api/events/{code}
        POST /api/events/{code}/join
        POST /api/events/{code}/browse
        POST /api/events/{code}/keep-out
        POST /api/auth/login
        POST /api/auth/forgotten
        GET /api/openapi.json
        GET /api/docs
        GET /healthz
        GET /readyz
        GET /sw.js
        GET /static/{version}/{path}
    """,
    TOKENS: """
        POST /api/auth/logout
    """,
    USERS: """
        POST /api/auth/logout-everywhere
        GET /api/me
        PATCH /api/me
        DELETE /api/me
        DELETE /api/me/face
        PUT /api/me/password
        PUT /api/me/credentials
        POST /api/me/key
        POST /api/me/key-mail
        GET /api/me/export
        GET /api/push-key
        GET /account
        POST /account/choices
        POST /account/name
        POST /account/password
        POST /account/credentials
        POST /account/key
        POST /account/key-mail
        POST /account/sign-out-everywhere
        GET /account/erase
        POST /account/erase
    """,
    MEMBERS: """
        GET /gallery
        GET /gallery/counts
        GET /gallery/{id}
        GET /gallery/{id}/report
        POST /gallery/{id}/report
        POST /gallery/{id}/favourite
        GET /api/my-photos
        GET /api/all-photos
        PUT /api/photos/{id}/favourite
        DELETE /api/photos/{id}/favourite
        POST /api/photos/{id}/report
        DELETE /api/me/events/{event_id}
        DELETE /api/me/events/{event_id}/consent
        GET /api/me/events/{event_id}/selfies
        GET /api/me/events/{id}/notify
        PUT /api/me/events/{id}/notify
        PUT /api/me/events/{id}/push
        DELETE /api/me/events/{id}/push
    """,
    FOUND: """
        GET /api/my-photos.zip
        PUT /api/me/events/{event_id}/selfie
        POST /api/me/events/{event_id}/selfies
        POST /api/photos/{id}/me
        DELETE /api/photos/{id}/me
        POST /api/photos/{id}/not-me
        DELETE /api/photos/{id}/not-me
        POST /gallery/{id}/me
        POST /gallery/{id}/not-me
        POST /gallery/{id}/undo
    """,
    OWNER: """
        GET /gallery/me.jpg
        GET /api/me/events/{event_id}/selfies/{selfie_id}
        DELETE /api/me/events/{event_id}/selfies/{selfie_id}
    """,
    VIEWERS: """
        GET /api/photo/{id}
        GET /api/image/{id}
        GET /api/events/{id}/stream
    """,
    PHOTOGRAPHERS: """
        GET /api/upload-token
        POST /api/upload-token/report
    """,
    UPLOADERS: """
        POST /api/events/{event_id}/photos
        POST /api/events/{event_id}/photos/known
        GET /api/events/{event_id}/uploads/{sha256}
        PUT /api/events/{event_id}/uploads/{sha256}
        GET /api/jobs/{job_id}
    """,
    ADMINS: """
        GET /account/second-factor
        POST /account/second-factor
        POST /account/second-factor/confirm
        POST /account/second-factor/off
        POST /api/me/second-factor
        PUT /api/me/second-factor
        DELETE /api/me/second-factor
        GET /metrics
        GET /admin
        GET /admin/stream
        GET /admin/audit
        GET /admin/events
        GET /admin/events/{id}
        GET /admin/events/{id}/card
        GET /admin/events/{id}/choices
        POST /admin/events/{id}/choices
        POST /admin/events/{id}/responsible
        GET /admin/events/{id}/papers
        GET /admin/events/{id}/papers/notice
        GET /admin/events/{id}/papers/poster
        GET /admin/events/{id}/papers/record
        GET /admin/events/{id}/papers/assessment
        GET /admin/events/{id}/papers/release
        GET /api/admin/events/{id}/consents.csv
        POST /admin/events/{id}/cover
        GET /admin/events/{id}/faces
        POST /admin/events/{id}/faces
        GET /admin/events/{id}/faces/loose
        POST /admin/events/{id}/faces/loose
        GET /admin/events/{id}/faces/{group_id}
        POST /admin/events/{id}/faces/{group_id}
        GET /admin/events/{id}/guests
        GET /admin/events/{id}/guests/{user_id}
        GET /admin/events/{id}/invitations
        POST /admin/events/{id}/invitations
        POST /admin/events/{id}/invitations/withdraw
        GET /admin/events/{id}/waiting
        POST /admin/events/{id}/waiting
        POST /admin/events/{id}/guests/{user_id}/link
        POST /admin/events/{id}/guests/{user_id}/remove
        GET /admin/events/{id}/photographers
        GET /admin/events/{id}/photos
        POST /admin/events/{id}/photos
        GET /admin/events/{id}/photos/{photo_id}
        GET /admin/events/{id}/reports
        POST /admin/events/{id}/reports
        GET /admin/events/{id}/thresholds
        POST /admin/events/{id}/thresholds
        GET /admin/jobs
        GET /admin/jobs/{id}
        GET /admin/webhooks
        POST /admin/users/{id}/erase
        POST /admin/webhooks
        GET /admin/webhooks/{id}
        POST /admin/webhooks/{id}
        POST /admin/webhooks/deliveries/{id}
        GET /api/admin/audit
        POST /api/admin/cache/clear
        GET /api/admin/costs
        GET /api/admin/desk
        GET /api/admin/events
        POST /api/admin/events
        GET /api/admin/events/{id}
        PATCH /api/admin/events/{id}
        DELETE /api/admin/events/{id}
        GET /api/admin/events/{id}/contact-sheet
        GET /api/admin/events/{id}/contact-sheet/counts
        GET /api/admin/events/{id}/contact-sheet.zip
        GET /api/admin/events/{id}/costs
        PUT /api/admin/events/{id}/cover
        DELETE /api/admin/events/{id}/cover
        GET /api/admin/events/{id}/group-faces
        GET /api/admin/events/{id}/group-faces/{group_id}
        PATCH /api/admin/events/{id}/group-faces/{group_id}
        POST /api/admin/events/{id}/group-faces/{group_id}/split
        POST /api/admin/events/{id}/group-faces/merge
        POST /api/admin/events/{id}/group-faces/move
        GET /api/admin/events/{id}/guest-list
        GET /api/admin/events/{id}/guests
        GET /api/admin/events/{id}/invitations
        POST /api/admin/events/{id}/invitations
        DELETE /api/admin/events/{id}/invitations/{invitation_id}
        GET /api/admin/events/{id}/waiting
        POST /api/admin/events/{id}/waiting/admit
        GET /api/admin/events/{id}/waiting/{selfie_id}.jpg
        DELETE /api/admin/events/{id}/guests/{user_id}
        GET /api/admin/events/{id}/missed-faces
        GET /api/admin/events/{id}/missed-faces/summary
        GET /api/admin/events/{id}/photographers
        GET /api/admin/events/{id}/photos
        GET /api/admin/events/{id}/qr.png
        GET /api/admin/events/{id}/qr.svg
        GET /api/admin/events/{id}/rehearsal
        POST /api/admin/events/{id}/reindex
        GET /api/admin/events/{id}/reports
        POST /api/admin/events/{id}/reports/{report_id}/settle
        GET /api/admin/events/{id}/tokens
        POST /api/admin/events/{id}/tokens
        PATCH /api/admin/events/{id}/tokens/{token_id}
        DELETE /api/admin/events/{id}/tokens/{token_id}
        GET /api/admin/faces/{id}.jpg
        GET /api/admin/photos/{id}
        DELETE /api/admin/photos/{id}
        POST /api/admin/photos/{id}/retry
        POST /api/admin/photos/delete
        POST /api/admin/photos/retry
        POST /api/admin/photos/review
        PATCH /api/admin/queue
        GET /api/admin/queue/jobs
        GET /api/admin/queue/jobs/{id}
        POST /api/admin/queue/jobs/{id}/retry
        POST /api/admin/queue/jobs/retry
        POST /api/admin/queue/pause
        POST /api/admin/queue/resume
        GET /api/admin/queue/stats
        DELETE /api/admin/users/{id}
        POST /api/admin/users/{id}/key-link
        POST /api/admin/users/{id}/reset-link
        GET /api/admin/webhooks
        POST /api/admin/webhooks
        GET /api/admin/webhooks/{id}
        PATCH /api/admin/webhooks/{id}
        DELETE /api/admin/webhooks/{id}
        GET /api/admin/webhooks/{id}/deliveries
        POST /api/admin/webhooks/{id}/test
        POST /api/admin/webhooks/deliveries/{id}/redeliver
    """,
}

#: What the contract answers in place of 404: whoever gave no consent is asked for it.
CONSENT_FIRST: Final = frozenset(
    {
        "PUT /api/me/events/{event_id}/selfie",
        "POST /api/me/events/{event_id}/selfies",
        "POST /api/photos/{id}/me",
        "DELETE /api/photos/{id}/me",
        "POST /api/photos/{id}/not-me",
        "DELETE /api/photos/{id}/not-me",
        "POST /gallery/{id}/me",
        "POST /gallery/{id}/not-me",
        "POST /gallery/{id}/undo",
    }
)


#: Bodies of calls that look at them before they look for the thing itself.
BODIES: Final[Mapping[str, Mapping[str, object]]] = {
    "PUT /api/me/password": {"old": "an old password", "new": "a new password"},
    "PUT /api/me/credentials": {"email": "new@example.org", "password": "a new password"},
    "PUT /api/me/events/{id}/notify": {"mail": False},
    "PUT /api/me/events/{id}/push": {
        "endpoint": "https://push.example.org/1",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
            "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    },
    "DELETE /api/me/events/{id}/push": {"endpoint": "https://push.example.org/1"},
    "POST /api/photos/{id}/report": {"reason": "other"},
}


def who_may() -> dict[str, Callers]:
    """Return the table by route."""
    return {
        line.strip(): callers
        for callers, routes in RIGHTS.items()
        for line in routes.strip().splitlines()
    }
