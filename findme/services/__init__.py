"""Use cases, called with open resources and plain values: transactions, compensation, audit, cache.

A service is a frozen dataclass that holds the resources it needs; `server.py` builds each one once.
HTTP requests and answers belong to `web`; SQL stands in the package of its noun.
"""
