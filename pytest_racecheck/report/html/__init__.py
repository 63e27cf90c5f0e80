"""The page that ``--racecheck-html`` writes: everything about the session in one file, to read and to step through."""
