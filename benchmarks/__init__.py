"""What FindMe's paths take, beside what a user would take instead: `make bench`.

Everything that a row compares is measured in one run, by turns. Nothing here is imported by the
product or by its tests.
"""
