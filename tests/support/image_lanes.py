"""The children that work on pictures, shared by all tests of a process."""

import atexit
import functools

from findme.media.image_workers import ImageLanes


@functools.cache
def shared_lanes() -> ImageLanes:
    """Return lanes whose children are started when a test needs them."""
    lanes = ImageLanes.of_this_machine()
    atexit.register(lanes.close)
    return lanes
