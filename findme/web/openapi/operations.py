"""The calls and shapes of operating: the queue's control, metrics, audit log, webhooks."""

from findme.messaging.webhooks import TOPICS
from findme.web.openapi.admin import change, get, listing, write
from findme.web.openapi.calls import GONE, SIGNED_IN, answer, call, query
from findme.web.openapi.json_schema import (
    Schema,
    flag,
    list_of,
    obj,
    one_of,
    or_null,
    ref,
    text,
    whole,
)

_ID = text("Opaque.")
_TIME = text(format="date-time")
_TAG = "Operating"
_TOPICS = list_of(one_of(TOPICS))
_CONTROL = answer("What holds from now on.", ref("QueueControl"))
_DELIVERY = answer("The delivery.", ref("WebhookDelivery"))
_WEBHOOK_MEMBERS = {
    "id": _ID,
    "url": text(format="uri"),
    "topics": _TOPICS,
    "active": flag("One that is not is told nothing."),
    "created_at": _TIME,
}
_EACH = "Of each process; null: as the settings say."

OPERATIONS_SCHEMAS: dict[str, Schema] = {
    "QueueControl": obj(
        {
            "paused": flag("No job is begun; joining goes on."),
            "workers": whole("Jobs at a time, in each process."),
            "concurrency": whole("Calls of the face engine in flight, in each process."),
        }
    ),
    "JobStep": obj({"at": _TIME, "what": text("The state it came to."), "detail": or_null(text())}),
    "AuditEntry": obj(
        {
            "id": _ID,
            "at": _TIME,
            "actor_id": or_null(text("null: the account is deleted, or nobody did it.")),
            "actor": or_null(text("Their address, while the account is there.")),
            "action": text("noun.verb"),
            "event_id": or_null(text("It may be gone.")),
            "subjects": list_of(_ID),
            "detail": {"type": "object"},
        }
    ),
    "NewWebhook": obj({"url": text(format="uri"), "topics": _TOPICS}),
    "WebhookChanges": obj(
        {"url": text(format="uri"), "topics": _TOPICS, "active": flag()},
        optional=["url", "topics", "active"],
    ),
    "Webhook": obj(_WEBHOOK_MEMBERS),
    "WebhookWithSecret": obj(
        {**_WEBHOOK_MEMBERS, "secret": text("What deliveries are signed with; shown this once.")}
    ),
    "WebhookDelivery": obj(
        {
            "id": _ID,
            "topic": one_of([*TOPICS, "test"]),
            "event_id": or_null(_ID),
            "state": one_of(["waiting", "delivered", "failed"]),
            "attempts": whole(),
            "status": or_null(whole("Of the last answer.")),
            "error": or_null(text("Why the last attempt failed, 500 characters at most.")),
            "created_at": _TIME,
            "next_at": or_null(_TIME),
            "finished_at": or_null(_TIME),
        }
    ),
}

OPERATIONS_PATHS: dict[str, dict[str, Schema]] = {
    "/metrics": {
        "get": call(
            "Service",
            "The service in numbers for Prometheus; for an admin, or with METRICS_TOKEN",
            SIGNED_IN,
            {200: answer("Prometheus' text format.", text(), media_types=["text/plain"])},
            fails=(404,),
        )
    },
    "/api/admin/queue": {
        "patch": write(
            _TAG,
            "Change how much is done at a time, without a restart",
            obj(
                {
                    "workers": or_null(whole(_EACH, minimum=1, maximum=64)),
                    "concurrency": or_null(whole(_EACH, minimum=1, maximum=1000)),
                },
                optional=["workers", "concurrency"],
            ),
            {200: _CONTROL},
        )
    },
    "/api/admin/queue/pause": {"post": change(_TAG, "Begin no more jobs", {200: _CONTROL})},
    "/api/admin/queue/resume": {"post": change(_TAG, "Begin jobs again", {200: _CONTROL})},
    "/api/admin/queue/jobs/retry": {
        "post": write(
            _TAG,
            "Start all failed jobs afresh, of one event or of all",
            obj({"state": one_of(["failed"]), "event_id": text()}, optional=["event_id"]),
            {202: answer("How many there were.", obj({"retried": whole()}))},
        )
    },
    "/api/admin/audit": {
        "get": listing(
            _TAG,
            "What admins did, and what was deleted",
            "AuditEntry",
            query("event_id", "Of one event.", text()),
        )
    },
    "/api/admin/webhooks": {
        "post": write(
            _TAG,
            "Have somebody told",
            ref("NewWebhook"),
            {201: answer("The webhook.", ref("WebhookWithSecret"))},
        ),
        "get": listing(_TAG, "Webhooks", "Webhook"),
    },
    "/api/admin/webhooks/{id}": {
        "get": get(_TAG, "A webhook", {200: answer("The webhook.", ref("Webhook"))}),
        "patch": write(
            _TAG,
            "Change the members that are sent",
            ref("WebhookChanges"),
            {200: answer("The webhook.", ref("Webhook"))},
        ),
        "delete": change(_TAG, "Remove a webhook with its deliveries", GONE),
    },
    "/api/admin/webhooks/{id}/test": {
        "post": change(_TAG, "Tell a webhook of nothing", {202: _DELIVERY})
    },
    "/api/admin/webhooks/{id}/deliveries": {
        "get": listing(_TAG, "What a webhook was told, and how that went", "WebhookDelivery")
    },
    "/api/admin/webhooks/deliveries/{id}/redeliver": {
        "post": change(_TAG, "Make a delivery again, now", {202: _DELIVERY})
    },
}
