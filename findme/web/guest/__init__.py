"""Pages and calls for guests: joining, the gallery, the account, the live wall.

A handler parses, authorises, calls the domain and answers.
"""
