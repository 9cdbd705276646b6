"""Pages and calls for whoever runs the installation: dashboard, queue, costs, audit log, webhooks.

A handler parses, authorises, calls the domain and answers.
"""
