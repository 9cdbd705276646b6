"""The photographer's computer: `findme watch` and `findme upload`.

It talks HTTP to the server and imports nothing of it but `findme.errors`.
"""
