"""Calls for photographers and their programs: uploads, known hashes, upload tokens.

A handler parses, authorises, calls the domain and answers.
"""
