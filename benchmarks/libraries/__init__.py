"""Real bugs in real libraries: what racecheck and its peers find in a folder of tests."""
