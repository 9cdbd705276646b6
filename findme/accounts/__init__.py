"""Identity: accounts and sessions, guests of an event, and their selfies.

Which photos a guest sees is decided in `gallery`; how a face is compared, in `faces`.
"""
