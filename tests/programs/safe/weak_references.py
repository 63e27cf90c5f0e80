"""A cache of weak references gives back what somebody still holds."""

import threading
import weakref

import pytest


class Page:
    pass


@pytest.mark.race
def test_held_page_is_found() -> None:
    lock = threading.Lock()
    cache: weakref.WeakValueDictionary[str, Page] = weakref.WeakValueDictionary()
    found: list[Page] = []

    def get() -> None:
        with lock:
            page = cache.get("home")
            if page is None:
                page = cache["home"] = Page()
            found.append(page)

    threads = [threading.Thread(target=target) for target in (get, get)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
