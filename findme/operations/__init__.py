"""What operators see and set, and periodic upkeep: dashboard, metrics, usage, retention.

Organisers' tasks belong to `gallery`.
"""
