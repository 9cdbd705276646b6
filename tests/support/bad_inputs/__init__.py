"""Inputs that nobody should send, by kind, each with the answer that it gets.

An answer is written as its status and the code of its problem: `422 invalid_request`. What the
service cleans and takes is here as well: `202 IMG.jpg` is an upload under that name.
"""
