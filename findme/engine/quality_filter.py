"""Which faces Rekognition's quality filters let pass, and why others do not."""

from dataclasses import dataclass

from findme.engine.faces import Face


@dataclass(frozen=True, slots=True)
class Bar:
    """The least that a filter asks of a face; each field is a reason of its own."""

    confidence: float
    """Percent; LOW_CONFIDENCE below it."""
    side: float
    """Pixels of the picture as it was sent; SMALL_BOUNDING_BOX below it."""
    brightness: float
    """Percent; LOW_BRIGHTNESS below it."""
    sharpness: float
    """Percent; LOW_SHARPNESS below it."""
    yaw: float
    """Degrees to either side; EXTREME_POSE beyond it."""
    pitch: float
    """Degrees up or down; EXTREME_POSE beyond it."""
    doubt: float = 0.0
    """LOW_FACE_QUALITY: a face that is blurred as well must have this confidence, in percent."""


BARS = {
    "NONE": Bar(0, 0, 0, 0, 180, 180),
    # Drops what could match nothing, and nothing else: docs/calibration.md has the measurements.
    "AUTO": Bar(75, 12, 0.5, 20, 88, 88),
    "LOW": Bar(85, 24, 6, 30, 70, 60, doubt=95),
    "MEDIUM": Bar(90, 40, 10, 45, 55, 45, doubt=97),
    "HIGH": Bar(95, 60, 20, 70, 40, 30, doubt=98),
}
_BLURRED = 50.0


def reasons(face: Face, quality_filter: str) -> list[str]:
    """Why the filter drops the face; empty when it passes."""
    bar = BARS[quality_filter]
    unmet = {
        "LOW_CONFIDENCE": face.confidence < bar.confidence,
        "SMALL_BOUNDING_BOX": face.side < bar.side,
        "LOW_BRIGHTNESS": face.brightness < bar.brightness,
        "LOW_SHARPNESS": face.sharpness < bar.sharpness,
        "EXTREME_POSE": abs(face.pose.yaw) > bar.yaw or abs(face.pose.pitch) > bar.pitch,
        "LOW_FACE_QUALITY": face.sharpness < _BLURRED and face.confidence < bar.doubt,
    }
    return [reason for reason, holds in unmet.items() if holds]
