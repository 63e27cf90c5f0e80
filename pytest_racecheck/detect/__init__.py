"""Detectors: they read what the engine saw and say what it means. None of them schedules anything."""
