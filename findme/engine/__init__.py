"""Rekognition's face operations on this machine, over the same wire protocol.

This package stands alone: it imports nothing else of FindMe, and FindMe talks to it
through the same AWS client that it uses for AWS itself.
"""

FACE_MODEL_VERSION = "1.0"
"""Version of the face vectors; vectors (and FaceIds) of different versions do not mix."""
