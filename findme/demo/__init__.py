"""Drawn sample events for `findme demo` and for the screenshots of the documents.

The service itself never imports this package.
"""
