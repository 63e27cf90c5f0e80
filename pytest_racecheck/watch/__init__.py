"""What is watched for in interleavings beside the checks of the test: data races, lock orders, leaks, coverage."""
