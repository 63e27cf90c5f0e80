"""What to do when time runs out: the sentinel process, stacks of all threads and processes, and what they mean."""
