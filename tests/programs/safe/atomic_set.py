"""`set.add`, `set.discard` and `set.pop` are one operation each."""

import threading

import pytest


@pytest.mark.race
def test_members() -> None:
    members = {0}
    popped: list[int] = []

    def join(member: int) -> None:
        members.add(member)
        members.discard(0)

    threads = [threading.Thread(target=target) for target in (lambda: join(1), lambda: join(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert members == {1, 2}
    threads = [threading.Thread(target=(lambda: popped.append(members.pop()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(popped) == [1, 2]
