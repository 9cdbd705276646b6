"""The calls of a Rekognition-compatible engine: their answers, rate and cost.

No SQL and no connection: the client that uses all of this is `findme.rekognition`.
"""
