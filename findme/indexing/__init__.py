"""Fills, searches and empties an event's collection, for requests that wait and for jobs.

Each class holds the open resources that it needs; `jobs` decides when a job is run again.
"""
