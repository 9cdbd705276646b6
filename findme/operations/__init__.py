"""The operators' tools, and periodic upkeep: dashboard, metrics, usage, retention.

Organisers' tasks belong to `gallery`.
"""
