"""The calls about messages: forgotten passwords, notifications (see openapi.py)."""

from findme.web.openapi_admin import change
from findme.web.openapi_calls import ANYONE, answer, body, call
from findme.web.openapi_words import Schema, obj, text

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
