"""The child processes of an installation on one machine: PostgreSQL and the face service.

They are started, watched and stopped here; what is said to them belongs to `db` and `rekognition`.
"""
