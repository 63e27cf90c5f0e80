"""The plugin is listed when it is complete."""

import threading

import pytest


class Plugins:
    def __init__(self) -> None:
        self.loaded: list[Plugin] = []


class Plugin:
    name: str

    def __init__(self, plugins: Plugins, name: str) -> None:
        self.name = name
        plugins.loaded.append(self)


@pytest.mark.race
def test_names_can_be_listed() -> None:
    plugins = Plugins()
    names: list[str] = []

    def load() -> None:
        Plugin(plugins, "spelling")

    def show() -> None:
        names.extend(plugin.name for plugin in plugins.loaded)

    threads = [threading.Thread(target=target) for target in (load, show)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names in ([], ["spelling"])
