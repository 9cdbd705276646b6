"""Everything that leaves for a person or another system: mail, web push, live streams, webhooks.

What there is to say comes from `gallery` and `accounts`; this package words it, addresses it and
delivers it.
"""
