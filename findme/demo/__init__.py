"""Sample events with drawn photos, for `findme demo` and the screenshots of the documents.

The service itself never imports this package. The drawings are files; tests/support/drawing makes
them.
"""
