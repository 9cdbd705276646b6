"""The child processes of an installation on one machine: PostgreSQL and the face service.

They are started, watched and stopped here; `db` and `rekognition` talk to them.
"""
