"""Everything that is sent to a person or another system: mail, web push, live streams, webhooks.

The contents come from `gallery` and `accounts`; this package words, addresses and delivers them.
"""
