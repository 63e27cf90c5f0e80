"""The programs, one file each: plain pytest files with a marked test that has a bug on purpose."""
