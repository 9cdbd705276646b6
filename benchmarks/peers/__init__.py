"""Servers to compare with: the least that can answer (a limit), and what a team would write.

Each is a program, `python -m benchmarks.peers.NAME`, that reads its settings from the environment
and prints its address once it can answer.
"""
