"""The report: plain data (``model``), then one renderer a file. Nothing here knows the engine."""
