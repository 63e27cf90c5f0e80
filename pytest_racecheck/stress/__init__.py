"""Stress: the operating system schedules, and racecheck makes it hard for the test.

Nothing is controlled here: threads run as they would without racecheck, in real time. Sleeps at scheduling points,
short switch intervals and changing processors make the rare orders likely. A failure is real, whatever the code does
that racecheck can't see into, but nothing replays it.
"""
