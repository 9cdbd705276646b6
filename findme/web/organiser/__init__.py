"""Pages and calls for the organiser of an event: its options, photos, guests, persons, reports.

A handler parses, authorises, calls one service and answers.
"""
