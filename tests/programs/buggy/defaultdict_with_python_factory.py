"""The factory of the `defaultdict` is Python code: two threads in it for one key make two lists, and one is lost."""

import collections
import threading

import pytest


class Groups:
    def __init__(self) -> None:
        self.made = 0
        self.members: collections.defaultdict[str, list[int]] = collections.defaultdict(self.new_group)

    def new_group(self) -> list[int]:
        self.made += 1
        return []

    def add(self, name: str, member: int) -> None:
        self.members[name].append(member)


@pytest.mark.race
def test_both_are_members() -> None:
    groups = Groups()
    threads = [
        threading.Thread(target=target) for target in (lambda: groups.add("staff", 1), lambda: groups.add("staff", 2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(groups.members["staff"]) == [1, 2]
