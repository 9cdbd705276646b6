"""The workers of the queue: their pool, its registry, and the handler of each kind of job.

The durable queue itself is `findme.queue`; requests enqueue jobs there and never call this package.
"""
