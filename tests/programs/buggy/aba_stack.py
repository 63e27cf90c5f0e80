"""A node that left the stack and came back looks unchanged: the swap succeeds with a successor that is out of date."""

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

    def push(self, node: Node) -> None:
        while True:
            top = self.top
            node.next = top
            if self.compare_and_swap(top, node):
                return

    def pop(self) -> Node | None:
        while True:
            top = self.top
            if top is None:
                return None
            if self.compare_and_swap(top, top.next):
                return top


@pytest.mark.race
def test_each_node_once() -> None:
    stack = Stack()
    owned: list[Node | None] = []

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
    assert sorted(node.name for node in owned if node is not None) == ["a", "b", "c"]
