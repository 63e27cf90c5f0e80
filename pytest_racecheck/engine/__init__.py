"""The engine: runs one test body under schedules that it decides itself. Knows nothing of pytest."""
