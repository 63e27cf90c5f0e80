"""The programs of a first tutorial on threads: a bank that pays out too much, and locks taken in opposite orders."""
