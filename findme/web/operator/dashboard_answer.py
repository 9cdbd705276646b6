"""The dashboard as JSON: the shapes of its parts, made of the document that the page shows too."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from findme.models import JobKind
from findme.operations.dashboard import Alert, AlertKind
from findme.operations.stats import Stats
from findme.web.responses import id_text, time_text
from findme.web.shapes import Id, Time


class DeskAlert(Struct, frozen=True):
    """Something that goes on until a person acts."""

    kind: AlertKind
    since: Annotated[Time, Meta(description="Since when; of an event: when it ends.")]
    name: Annotated[str | None, Meta(description="The photographer, the event.")]
    event_id: Id | None
    number: Annotated[
        float | None, Meta(description="Photos, failed jobs, seconds or bytes, by kind.")
    ]


class Photographer(Struct, frozen=True):
    """A computer that sends photos, as its watcher last reported."""

    id: Annotated[Id, Meta(description="The upload token's.")]
    name: str
    event_id: Id
    event_name: str
    clock_offset_s: Annotated[int, Meta(description="Added to the times of the camera.")]
    last_used_at: Time | None
    reported_at: Time | None
    ago_s: Annotated[float | None, Meta(description="Since the last report.")]
    silent: Annotated[bool, Meta(description="It had photos to send, and reports no more.")]
    per_minute: Annotated[float, Meta(description="Photos that became ready, over five minutes.")]
    backlog: Annotated[int, Meta(description="Photos left to send.")]
    sent: int
    errors: int
    refused: int
    bytes_per_s: float | None
    last_error: str | None
    ahead_s: Annotated[
        float | None,
        Meta(description="By how much the clock of the computer is ahead of ours."),
    ]


class BusyEvent(Struct, frozen=True):
    """The event that the last photo is of."""

    id: Id
    name: str
    photos: int
    guests: int


class EventPace(Struct, frozen=True):
    """How fast the photos of an event reached the gallery."""

    id: Id
    name: str
    photos: int
    median_s: float | None
    p95_s: float | None


class GalleryPace(Struct, frozen=True):
    """How fast photos reached the gallery within the last hour."""

    photos: Annotated[int, Meta(description="Ready within the last hour.")]
    by_camera: Annotated[
        int, Meta(description="Of them, counted from the shutter, not from the upload.")
    ]
    median_s: Annotated[float | None, Meta(description="Seconds; null: no photo in the hour.")]
    p95_s: Annotated[float | None, Meta(description="Seconds; null: no photo in the hour.")]
    per_minute: Annotated[
        list[int], Meta(description="Photos of each minute, the oldest minute first.")
    ]
    event: BusyEvent | None
    events: list[EventPace]


class RunningJob(Struct, frozen=True):
    """A job that runs."""

    id: Id
    kind: JobKind
    label: str
    seconds: float | None


class FailedJob(Struct, frozen=True):
    """A job that failed for good."""

    id: Id
    kind: JobKind
    name: str
    error: str | None
    event_id: Id | None
    photo_id: Id | None
    attempts: int
    finished_at: Time | None


class Work(Struct, frozen=True):
    """The jobs that run, and the last ones that failed."""

    running: list[RunningJob]
    failed: list[FailedJob]
    stuck: Annotated[bool, Meta(description="Jobs are due, and none was done for minutes.")]
    failed_lately: Annotated[int, Meta(description="Within ten minutes.")]


class WaitingList(Struct, frozen=True):
    """The guests of an event who wait to be admitted."""

    id: Annotated[Id, Meta(description="The event's.")]
    name: str
    guests: int
    since: Annotated[Time, Meta(description="When the first of them joined.")]


class Machine(Struct, frozen=True):
    """The machine that the service runs on."""

    memory_share: float
    pool_max: Annotated[int, Meta(description="Connections that the pool may open.")]
    disk_free_bytes: int
    disk_total_bytes: int
    disk_share: Annotated[float, Meta(description="How much of the disk is used.")]


class ReindexedEvent(Struct, frozen=True):
    """An event whose photos are being indexed again."""

    id: Id
    name: str
    done: Annotated[int, Meta(description="Photos that are in the event's present collection.")]
    total: int


class Reindex(Struct, frozen=True):
    """The progress of re-indexing, as after a new face model."""

    events: list[ReindexedEvent]
    waiting: Annotated[int, Meta(description="Events that follow by themselves.")]


class ComparedEvent(Struct, frozen=True):
    """An event that keeps guests' faces only, whose photos are being compared with guests."""

    id: Id
    name: str
    done: Annotated[int, Meta(description="Photos that are compared with every guest.")]
    total: Annotated[int, Meta(description="Photos with a face.")]


class Desk(Struct, frozen=True):
    """The dashboard."""

    at: Annotated[Time, Meta(description="When the figures were read.")]
    stats: Stats
    gallery: GalleryPace
    empty_in_s: Annotated[
        float | None, Meta(description="Until the queue is empty, at the pace of this minute.")
    ]
    work: Work
    waiting: list[WaitingList]
    photographers: list[Photographer]
    reindex: Reindex
    comparing: list[ComparedEvent]
    calls: Annotated[
        list[int], Meta(description="This service's calls of the engine by minute, oldest first.")
    ]
    hit_rates: Annotated[list[float], Meta(description="Lists from the cache by minute, per cent.")]
    machine: Machine
    alerts: list[DeskAlert]


def desk_of(document: Mapping[str, Any]) -> Desk:
    """Return the dashboard's document in the API's words."""
    gallery, work = document["gallery"], document["work"]
    return Desk(
        at=time_text(document["at"]),
        stats=document["stats"],
        gallery=GalleryPace(
            photos=gallery["photos"],
            by_camera=gallery["by_camera"],
            median_s=gallery["median_s"],
            p95_s=gallery["p95_s"],
            per_minute=gallery["per_minute"],
            event=None if gallery["event"] is None else BusyEvent(**_ids(gallery["event"])),
            events=[EventPace(**_ids(event)) for event in gallery["events"]],
        ),
        empty_in_s=document["empty_in_s"],
        work=Work(
            running=[RunningJob(**_ids(job)) for job in work["running"]],
            failed=[_failed(job) for job in work["failed"]],
            stuck=work["stuck"],
            failed_lately=work["failed_lately"],
        ),
        waiting=[
            WaitingList(**{**_ids(one), "since": time_text(one["since"])})
            for one in document["waiting"]
        ],
        photographers=[photographer_of(one) for one in document["photographers"]],
        reindex=Reindex(
            events=[ReindexedEvent(**_ids(one)) for one in document["reindex"]["events"]],
            waiting=document["reindex"]["waiting"],
        ),
        comparing=[ComparedEvent(**_ids(one)) for one in document["comparing"]],
        calls=document["calls"],
        hit_rates=document["hit_rates"],
        machine=Machine(**document["machine"]),
        alerts=[_alert(alert) for alert in document["alerts"]],
    )


def photographer_of(found: Mapping[str, Any]) -> Photographer:
    """Return a photographer's computer in the API's words."""
    return Photographer(
        **{
            **_ids(found),
            "last_used_at": time_text(found["last_used_at"]),
            "reported_at": time_text(found["reported_at"]),
        }
    )


def _failed(job: Mapping[str, Any]) -> FailedJob:
    return FailedJob(**{**_ids(job), "finished_at": time_text(job["finished_at"])})


def _alert(alert: Alert) -> DeskAlert:
    return DeskAlert(
        alert.kind, time_text(alert.since), alert.name, id_text(alert.event_id), alert.number
    )


def _ids(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's members, its ids as text."""
    return {
        name: id_text(value) if name == "id" or name.endswith("_id") else value
        for name, value in row.items()
    }
