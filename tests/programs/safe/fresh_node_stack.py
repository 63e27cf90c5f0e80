"""Every push makes a node of its own: a node that is still known to someone can't come back under another one."""

import threading

import pytest


class Node:
    def __init__(self, name: str, next_node: "Node | None") -> None:
        self.name = name
        self.next = next_node


class Stack:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.top: Node | None = Node("a", Node("b", Node("c", None)))

    def compare_and_swap(self, expected: Node | None, new: Node | None) -> bool:
        with self.lock:
            if self.top is not expected:
                return False
            self.top = new
            return True

    def push(self, name: str) -> None:
        while True:
            top = self.top
            if self.compare_and_swap(top, Node(name, top)):
                return

    def pop(self) -> str | None:
        while True:
            top = self.top
            if top is None:
                return None
            if self.compare_and_swap(top, top.next):
                return top.name


@pytest.mark.race
def test_each_name_once() -> None:
    stack = Stack()
    owned: list[str | None] = []

    def popper() -> None:
        owned.append(stack.pop())

    def recycler() -> None:
        first = stack.pop()
        owned.append(stack.pop())
        if first is not None:
            stack.push(first)

    threads = [threading.Thread(target=target) for target in (popper, recycler)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while stack.top is not None:
        owned.append(stack.pop())
    assert sorted(name for name in owned if name is not None) == ["a", "b", "c"]
