"""The calls about messages: forgotten passwords, notifications (see __init__.py)."""

from findme.web.openapi.admin import change
from findme.web.openapi.calls import ANYONE, GONE, SIGNED_IN, answer, body, call
from findme.web.openapi.json_schema import Schema, flag, obj, text, whole

_NOTIFY = answer(
    "How the caller is told of new photos in this event.",
    obj(
        {
            "mail": flag("By mail."),
            "mail_offered": flag("Whether there is a mail server, and an address to write to."),
            "browsers": whole("How many browsers are told."),
        }
    ),
)
_ENDPOINT = text("An https address on the internet: the push service's, for this browser.")

MESSAGE_PATHS: dict[str, dict[str, Schema]] = {
    "/api/auth/forgotten": {
        "post": call(
            "Account",
            "Have a link to a new password mailed; there only where mail is set up",
            ANYONE,
            {202: answer("Accepted, whether the address has an account or not.")},
            fails=(404, 422, 429),
            takes=body(obj({"email": text()})),
        )
    },
    "/api/me/key-mail": {
        "post": call(
            "Account",
            "Have one's own link mailed to oneself; the address is not kept",
            SIGNED_IN,
            {204: answer("Sent.")},
            fails=(403, 404, 422, 429, 503),
            takes=body(obj({"email": text(), "key": text("What follows /k/ in the link.")})),
        )
    },
    "/api/push-key": {
        "get": call(
            "Account",
            "The key that a browser subscribes to push messages with",
            SIGNED_IN,
            {200: answer("P-256, uncompressed, base64url.", obj({"key": text()}))},
        )
    },
    "/api/me/events/{id}/notify": {
        "get": call(
            "Account",
            "How the caller is told of new photos",
            SIGNED_IN,
            {200: _NOTIFY},
            fails=(404,),
        ),
        "put": call(
            "Account",
            "Be told of new photos by mail, or not any more",
            SIGNED_IN,
            {200: _NOTIFY},
            fails=(403, 404, 409, 422),
            takes=body(obj({"mail": flag()})),
        ),
    },
    "/api/me/events/{id}/push": {
        "put": call(
            "Account",
            "Be told of new photos in this browser: what its PushSubscription says",
            SIGNED_IN,
            GONE,
            fails=(403, 404, 422),
            takes=body(
                obj(
                    {
                        "endpoint": _ENDPOINT,
                        "keys": obj({"p256dh": text("Base64url."), "auth": text("Base64url.")}),
                    }
                )
            ),
        ),
        "delete": call(
            "Account",
            "Not be told in this browser any more",
            SIGNED_IN,
            GONE,
            fails=(403, 404, 422),
            takes=body(obj({"endpoint": text()})),
        ),
    },
    "/api/admin/users/{id}/reset-link": {
        "post": change(
            "Operating",
            "Make a link to a new password, to be handed over by other means",
            {
                201: answer(
                    "Works once, for an hour.",
                    obj({"url": text(), "expires_at": text(format="date-time")}),
                )
            },
        )
    },
}
