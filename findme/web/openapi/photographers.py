"""The shapes of upload tokens and of what their watchers tell (see schemas.py)."""

from findme.web.openapi.json_schema import Schema, number, obj, or_null, ref, text, whole

_ID = text("Opaque.")
_TIME = text(format="date-time")
_OFFSET = whole("Seconds that are added to the times of the photographer's camera.")

PHOTOGRAPHER_SCHEMAS: dict[str, Schema] = {
    "UploadToken": obj(
        {
            "id": _ID,
            "label": text("The photographer's name, the credit of the photos."),
            "clock_offset_s": _OFFSET,
            "created_at": _TIME,
            "last_used_at": or_null(_TIME),
            "reported_at": or_null(_TIME),
            "report": or_null(ref("WatcherReport")),
        }
    ),
    "NewUploadToken": obj(
        {
            "id": _ID,
            "label": text(),
            "clock_offset_s": _OFFSET,
            "token": text("Shown this once."),
        }
    ),
    "TokenChanges": obj(
        {"label": text("Up to 100 characters."), "clock_offset_s": _OFFSET},
        optional=["label", "clock_offset_s"],
    ),
    "OwnToken": obj(
        {
            "event": obj({"id": _ID, "name": text()}),
            "label": text(),
            "clock_offset_s": _OFFSET,
            "max_upload_bytes": whole("Of one file."),
        }
    ),
    "WatcherReport": obj(
        {
            "backlog": or_null(whole("Files that wait.")),
            "backlog_bytes": or_null(whole()),
            "bytes_per_s": or_null(number("Of the last seconds.")),
            "sent": or_null(whole("Since the watcher started.")),
            "there": or_null(whole("Files that were there already.")),
            "refused": or_null(whole()),
            "errors": or_null(whole("Attempts that failed, and were made again.")),
            "clock_ahead_s": or_null(number("Seconds by which its machine's clock is ahead.")),
            "last_error": or_null(text()),
        },
        optional=[
            "backlog",
            "backlog_bytes",
            "bytes_per_s",
            "sent",
            "there",
            "refused",
            "errors",
            "clock_ahead_s",
            "last_error",
        ],
    ),
}
