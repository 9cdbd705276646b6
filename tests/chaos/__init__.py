"""Faults, one after the other, under real processes: `make chaos`.

`worlds` starts the processes and starts them again, as a supervisor does. `faults` lists what is
done to them. `clients` upload, join, leave and delete meanwhile, try again until they are answered,
and remember what they were promised. `invariants` says what must hold after each fault. `run` plays
the rounds of a seed; the same seed gives the same rounds. tests/journeys/test_chaos.py plays a few.
"""
