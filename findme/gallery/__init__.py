"""Events and photos, and which of them a guest sees.

This package reads and writes rows; bytes and pixels belong to `media`, HTTP to `web`.
"""
