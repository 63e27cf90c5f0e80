"""Deadlocks of every kind in whole sessions: what the report says of the threads, of their locks, and of the cause."""

from __future__ import annotations

import json
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

HEAD = """\
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

lock_a = threading.Lock()
lock_b = threading.Lock()
lock_c = threading.RLock()


def together(*functions, names=()):
    threads = [threading.Thread(target=function) for function in functions]
    for thread, name in zip(threads, names):
        thread.name = name
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


class Session:
    """A session with one marked test, which deadlocks, and another one after it."""

    def __init__(self, pytester: pytest.Pytester, body: str) -> None:
        self.source = HEAD + textwrap.dedent(body).strip() + "\n"
        next_test = f"\n\ndef test_next():\n    assert threading.active_count() == {threading.active_count()}\n"
        next_test += "    assert not lock_a.locked() and not lock_b.locked()\n"
        pytester.makepyfile(test_it=self.source + next_test)
        self.result = pytester.runpytest_inprocess("-p", "racecheck", "--racecheck-json=report.json")
        self.result.assert_outcomes(passed=1, failed=1)
        (self.test,) = json.loads(Path("report.json").read_text())["tests"]
        assert self.test["verdict"] == "deadlock"
        self.failure: dict[str, Any] = self.test["failure"]
        self.threads: dict[str, dict[str, Any]] = {each["id"]: each for each in self.failure["threads"]}

    def line_of(self, text: str, after: str = "") -> int:
        """The number of the first line with this text, after the first one with the other."""
        lines = self.source.splitlines()
        start = next(number for number, line in enumerate(lines) if after in line)
        return next(number for number, line in enumerate(lines, 1) if number > start and text in line)

    def holds(self, thread: str) -> list[tuple[str, int]]:
        """Each lock with the line where the thread took it."""
        return [(held["resource"], held["line"]) for held in self.threads[thread]["holds"]]

    def says(self, kind: str, line: str, pattern: str = "") -> None:
        """The cause is said in one line: as pytest's error, in the section of racecheck, and in the short summary.

        The section may name the pattern of the bug instead of what the threads are stuck in.
        """
        assert (self.failure["cause"], self.failure["message"]) == (pattern or kind, line)
        self.result.stdout.fnmatch_lines(
            [
                f"E   {kind}: {line}",
                f"deadlock: {pattern or kind}*",
                f"  {line}",
                f"FAILED test_it.py::test_it - {kind}: *",
            ]
        )


def test_cycle_of_two_locks(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def first():
            with lock_a:
                with lock_b:
                    pass

        def second():
            lock_b.acquire()
            with lock_a:
                pass
            lock_b.release()

        @pytest.mark.race
        def test_it():
            together(first, second, names=["left", "right"])
        """,
    )
    session.says(
        "lock-order cycle",
        "T1 holds test_it.lock_a, wants test_it.lock_b; T2 holds test_it.lock_b, wants test_it.lock_a",
    )
    assert session.holds("T1") == [("test_it.lock_a", session.line_of("with lock_a", "def first"))]
    assert session.holds("T2") == [("test_it.lock_b", session.line_of("lock_b.acquire()", "def second"))]
    assert {
        each: (thread["name"], thread["function"]) for each, thread in session.threads.items() if each != "main"
    } == {
        "T1": ("left", "first"),
        "T2": ("right", "second"),
    }
    assert session.threads["T1"]["waits_for"] == "test_it.lock_b, held by T2"
    assert session.threads["T1"]["stack"][-1]["line"] == session.line_of("with lock_b", "def first")
    assert session.threads["main"]["waits_for"] == "T1 to end"
    assert session.failure["advice"] == ["Take these locks in the same order in every thread."]
    session.result.stdout.fnmatch_lines(
        ["*T1*left*first*", f"*holds test_it.lock_a*test_it.py:{session.line_of('with lock_a', 'def first')}*"]
    )


def test_a_daemon_that_goes_on_hides_no_cycle(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        import time

        def take(first, second):
            with first:
                with second:
                    pass

        @pytest.mark.race(timeout=3)
        def test_it():
            def beat():
                while True:
                    time.sleep(1)
            threading.Thread(target=beat, daemon=True).start()
            together(lambda: take(lock_a, lock_b), lambda: take(lock_b, lock_a))
        """,
    )
    assert session.failure["cause"] == "lock-order cycle"


def test_all_of_a_ring_are_in_the_story(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def take(first, second):
            with first:
                with second:
                    pass

        @pytest.mark.race
        def test_it():
            together(
                lambda: take(lock_a, lock_b), lambda: take(lock_b, lock_c), lambda: take(lock_c, lock_a)
            )
        """,
    )
    told = {step["thread"]: step["resource"] for step in session.failure["steps"] if step["level"] == 0}
    assert set(told) == {"T1", "T2", "T3"}


def test_cycle_of_three_while_a_fourth_has_ended_and_a_fifth_waits(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        class Node:
            def __init__(self):
                self.lock = threading.Lock()

        def take(first, second, gate):
            with first.lock:
                gate.wait()
                with second.lock:
                    pass

        @pytest.mark.race
        def test_it():
            a, b, c = nodes = [Node() for _ in range(3)]
            gate = threading.Barrier(3)
            def look():
                gate.wait
            def late():
                with a.lock:
                    pass
            threads = [threading.Thread(target=take, args=(*pair, gate)) for pair in ((a, b), (b, c), (c, a))]
            threads += [threading.Thread(target=look), threading.Thread(target=late)]
            for thread in threads[:4]:
                thread.start()
            threads[3].join()
            while gate.n_waiting or not a.lock.locked():
                pass
            threads[4].start()
            for thread in threads:
                thread.join()
        """,
    )
    assert session.failure["cause"] == "lock-order cycle"
    links = session.failure["message"].split("; ")
    assert [link.split(",")[0].split(" holds ")[0] for link in links] == ["T1", "T2", "T3"]
    assert [link.partition(" holds ")[2].partition(", wants ")[0] for link in links] == [
        link.partition(", wants ")[2] for link in (links[-1], *links[:-1])
    ]
    assert all(".lock" in link for link in links)
    assert {each: thread["state"] for each, thread in session.threads.items()} == dict.fromkeys(
        ["main", "T1", "T2", "T3", "T5"], "blocked"
    ), "T4 has ended"
    waiting = session.threads["T5"]
    assert waiting["waits_on"] == ["T1"]
    assert waiting["holds"] == []
    assert any(sentence.startswith("T5 waits for ") for sentence in session.failure["details"])


def test_self_deadlock(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def audit():
            with lock_a:
                pass

        def transfer():
            with lock_a:
                audit()

        @pytest.mark.race
        def test_it():
            together(transfer)
        """,
    )
    session.says("self-deadlock", "T1 holds test_it.lock_a, wants test_it.lock_a again")
    assert session.holds("T1") == [("test_it.lock_a", session.line_of("with lock_a", "def transfer"))]
    assert session.threads["T1"]["waits_on"] == ["T1"]
    assert [frame["function"] for frame in session.threads["T1"]["stack"]] == ["transfer", "audit"]
    assert session.failure["advice"] == ["A thread can't take a Lock that it holds already; an RLock it can."]


def test_main_thread_in_the_cycle(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def work():
            with lock_a:
                pass

        @pytest.mark.race
        def test_it():
            thread = threading.Thread(target=work)
            with lock_a:
                thread.start()
                thread.join()
        """,
    )
    session.says("join of a thread that never ends", "main holds test_it.lock_a, joins T1; T1 wants test_it.lock_a")
    assert session.holds("main") == [("test_it.lock_a", session.line_of("with lock_a", "def test_it"))]


def test_reentrant_lock_taken_twice_is_held_once(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def first():
            with lock_c:
                with lock_c, lock_a:
                    pass

        def second():
            with lock_a, lock_c:
                pass

        @pytest.mark.race
        def test_it():
            together(first, second)
        """,
    )
    session.says(
        "lock-order cycle",
        "T1 holds test_it.lock_c, wants test_it.lock_a; T2 holds test_it.lock_a, wants test_it.lock_c",
    )
    assert session.holds("T1") == [("test_it.lock_c", session.line_of("with lock_c:", "def first"))]


def test_lost_notify(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        class Mailbox:
            def __init__(self):
                self.changed = threading.Condition()
                self.letters = []

            def fetch(self):
                if not self.letters:
                    with self.changed:
                        self.changed.wait()
                return self.letters.pop()

            def post(self, letter):
                self.letters.append(letter)
                with self.changed:
                    self.changed.notify()

        @pytest.mark.race
        def test_it():
            mailbox = Mailbox()
            together(mailbox.fetch, lambda: mailbox.post(1))
        """,
    )
    session.says(
        "lost wake-up", "T1 waits for a notify on mailbox.changed; no thread is left to notify", pattern="lost wake-up"
    )
    assert session.threads["T1"]["function"] == "Mailbox.fetch"
    assert session.holds("T1") == [], "it gave the lock back to wait"
    assert session.threads["T1"]["stack"][-1]["line"] == session.line_of("self.changed.wait()")
    assert session.threads["main"]["waits_on"] == ["T1"]
    assert (
        session.failure["details"][-1] == "main joins T1, which never ends: it waits for a notify on mailbox.changed."
    )


def test_event_that_nobody_sets(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            ready, seen = threading.Event(), []
            def set_once():
                if not seen:
                    ready.set()
            def clear():
                seen.append(1)
                ready.clear()
            together(ready.wait, set_once, clear)
        """,
    )
    session.says("event that is never set", "T1 waits for event ready to be set; no thread is left to set it")


def test_join_of_a_thread_that_never_ends(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def consume(orders, done):
            while True:
                done.append(orders.get())

        @pytest.mark.race
        def test_it():
            orders, done = queue.Queue(), []
            consumer = threading.Thread(target=consume, args=(orders, done), name="consumer")
            consumer.start()
            orders.put(1)
            consumer.join()
        """,
    )
    session.says(
        "join of a thread that never ends",
        "main joins T1, which waits for an item in orders, which is empty; no thread is left to put one",
    )
    assert (session.threads["T1"]["name"], session.threads["T1"]["function"]) == ("consumer", "consume")
    assert session.threads["main"]["stack"][-1]["line"] == session.line_of("consumer.join()")


def test_two_threads_that_join_each_other(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            threads, gate = [], threading.Event()
            def work(other):
                gate.wait()
                threads[other].join()
            threads += [threading.Thread(target=work, args=(other,)) for other in (1, 0)]
            for thread in threads:
                thread.start()
            gate.set()
            for thread in threads:
                thread.join()
        """,
    )
    session.says("join of a thread that never ends", "T1 joins T2; T2 joins T1")


def test_queue_join_without_task_done(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def work(tasks):
            for _ in range(3):
                tasks.get()
            tasks.task_done()

        @pytest.mark.race
        def test_it():
            tasks = queue.Queue()
            worker = threading.Thread(target=work, args=(tasks,))
            worker.start()
            for number in range(3):
                tasks.put(number)
            tasks.join()
            worker.join()
        """,
    )
    session.says(
        "Queue.join without task_done",
        "main waits for task_done() on tasks: 2 unfinished tasks, 0 still in it; no thread is left to call it",
    )
    assert list(session.threads) == ["main"], "the worker has ended"
    assert session.failure["advice"] == ["Every get() needs its task_done(), also where the work on the item fails."]


def test_semaphore_and_full_queue(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            slots = threading.Semaphore(2)
            def work():
                slots.acquire()
            together(work, work, work)
        """,
    )
    session.says(
        "semaphore never released", "T3 waits for a permit of slots (value 0); no thread is left to release it"
    )
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            items = queue.Queue(2)
            def work():
                items.put(1)
            together(work, work, work)
        """,
    )
    session.says(
        "put into a full queue",
        "T3 waits for room in items, which is full (2 of 2 items); no thread is left to take one out",
    )


def test_pool_that_waits_for_itself(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            pool = ThreadPoolExecutor(max_workers=1)
            def inner():
                return 1
            def outer():
                return pool.submit(inner).result()
            assert pool.submit(outer).result() == 1
        """,
    )
    session.says("pool starvation", "T1, a worker of pool, waits for a task that only a worker of pool can run")
    assert session.threads["T1"]["stack"][-1]["line"] == session.line_of("pool.submit(inner)")


def test_lock_of_a_thread_that_has_ended(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        def fails():
            lock_a.acquire()
            if lock_a.locked():
                return
            lock_a.release()

        @pytest.mark.race
        def test_it():
            together(fails, fails)
        """,
    )
    session.says(
        "lock held by a thread that has ended",
        "T2 waits for test_it.lock_a, held by T1, which has ended; a thread that has ended can't release it",
    )


def test_only_a_part_of_the_threads_and_nobody_joins_them(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            done = []
            def first():
                with lock_a, lock_b:
                    pass
            def second():
                with lock_b, lock_a:
                    pass
            def third():
                done.append(1)
            threads = [threading.Thread(target=function, daemon=True) for function in (first, second, third)]
            for thread in threads:
                thread.start()
            threads[2].join()
            assert done == [1]
        """,
    )
    session.says(
        "lock-order cycle",
        "T1 holds test_it.lock_a, wants test_it.lock_b; T2 holds test_it.lock_b, wants test_it.lock_a",
    )
    assert sorted(session.threads) == ["T1", "T2"]


def test_it_is_found_at_once_and_its_threads_are_unwound(pytester: pytest.Pytester) -> None:
    session = Session(
        pytester,
        """
        cleaned = []

        def first():
            try:
                with lock_a, lock_b:
                    pass
            finally:
                cleaned.append("first")

        def second():
            try:
                with lock_b, lock_a:
                    pass
            finally:
                cleaned.append("second")

        @pytest.fixture
        def fixture():
            del cleaned[:]
            yield
            assert sorted(cleaned) == ["first", "second"]
            assert not lock_a.locked() and not lock_b.locked()

        @pytest.mark.race(timeout=600)
        def test_it(fixture):
            together(first, second)
        """,
    )
    assert session.test["first_failure"] < 50
    assert session.failure["reproduced"] == [10, 10]


def test_import_and_join(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert()
    pytester.makepyfile(
        imported="""
        import threading

        def work():
            import imported

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    )
    session = Session(
        pytester,
        """
        @pytest.mark.race
        def test_it():
            import imported
        """,
    )
    line = "main runs the import of imported, joins T1; T1 waits for the import of imported, which main runs"
    session.says("join of a thread that never ends", line)
    assert session.holds("T1") == []


def test_import_and_lock(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert()
    pytester.makepyfile(imported="import test_it\nwith test_it.lock_c:\n    pass\n")
    session = Session(
        pytester,
        """
        @pytest.fixture(autouse=True)
        def anew():
            import sys
            sys.modules.pop("imported", None)

        @pytest.mark.race(interleavings=100)
        def test_it(anew):
            def locked():
                with lock_c:
                    import imported

            def free():
                lock_a.acquire()
                lock_a.release()
                import imported

            together(free, locked)
        """,
    )
    assert session.failure["cause"] == "lock and import in opposite orders"
    assert "runs the import of imported, wants test_it.lock_c" in session.failure["message"]
