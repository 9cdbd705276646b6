"""The API's description: the shapes of requests and answers by route, and the documents derived.

Nothing here knows a single call: each is described beside its handler, in the ROUTES of its module.
"""
