"""The API's description: how a route says what it takes and answers, and what is derived from that.

Nothing here knows a single call: each is described beside its handler, in the ROUTES of its module.
"""
