"""What guests get of an original: its pixels, and of what else it says only what they need.

A file is not blanked but written anew from an allow-list: its structure is walked, and a plan names
the spans of it that are sent and the few bytes that stand between them. Pixels are never decoded or
encoded. All of it runs in the children that read pictures; the parent only checks the plan.
"""
