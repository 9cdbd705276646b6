"""Pages and calls for operators: the dashboard, the queue, costs, the audit log, webhooks.

A handler parses, authorises, calls one service and answers.
"""
