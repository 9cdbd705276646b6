"""What is asked of a Rekognition-compatible engine, how often, and what it has cost.

No SQL and no connection: the client that uses all of this is `findme.rekognition`.
"""
