"""The benchmarks: `make bench`. Each prints the figures of one promise, taken in one run."""
