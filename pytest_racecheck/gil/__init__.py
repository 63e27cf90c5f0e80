"""What a threaded piece of code gains from its threads, where their time goes, and what would help.

Measures in real time, uncontrolled: nothing of the engine is at work. Knows nothing of pytest.
"""
