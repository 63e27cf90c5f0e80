"""Making a failing schedule as simple as it can be."""
