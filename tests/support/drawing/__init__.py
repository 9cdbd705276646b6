"""Draws the people and evenings of the demo; `make drawings` writes findme/demo/pictures with it.

Only drawings: no picture of anybody is committed or fetched.
"""
