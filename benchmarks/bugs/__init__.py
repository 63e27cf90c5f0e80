"""Known concurrency bugs, and how many interleavings each strategy needs: ``python -m benchmarks.bugs``.

The programs are those by which schedulers are compared in the literature (SCTBench, which took most of them from CHESS,
the SV-COMP and Inspect collections), rewritten in Python from their known shapes.
"""
