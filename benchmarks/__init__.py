"""Benchmarks of racecheck and its peers: ``python -m benchmarks`` prints one table."""
