"""Test files that the benchmarks run, each in a pytest session of its own."""
