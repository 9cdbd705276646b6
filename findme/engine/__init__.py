"""Rekognition's face operations on this machine, over the same wire protocol.

This package stands alone: it imports nothing else of FindMe but `findme.pixels`, which knows
nothing of FindMe either, and FindMe talks to it through the same AWS client that it uses for AWS
itself.
"""

FACE_MODEL_VERSION = "sface-2021dec-1"
"""FaceModelVersion of new collections: the network, and how it is fed. Vectors (and FaceIds) of
different versions do not mix."""
DLIB_MODEL_VERSION = "1.0"
"""FaceModelVersion of collections of FindMe before 0.2, whose vectors dlib's network made."""
INDEX_MODEL_VERSIONS = {DLIB_MODEL_VERSION: "1.0", FACE_MODEL_VERSION: "2.0"}
"""IndexFacesModelVersion of each, which AWS allows digits and points only."""
