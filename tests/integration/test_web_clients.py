"""The test clients of Flask and Django, called by several threads."""

from __future__ import annotations

import pytest

FLASK = """
    import threading
    import flask, pytest

    @pytest.fixture
    def app():
        app = flask.Flask(__name__)
        app.hits, lock = 0, threading.Lock()

        @app.get("/bad")
        def bad():
            hits = app.hits
            app.hits = hits + 1
            return "hit"

        @app.get("/good")
        def good():
            with lock:
                app.hits += 1
            return "hit"

        return app

    @pytest.mark.parametrize("page", [pytest.param("good", marks=pytest.mark.race(interleavings=5)), "bad"])
    @pytest.mark.race
    def test_hits(app, racecheck, page):
        def visit():
            assert app.test_client().get(f"/{page}").data == b"hit"

        racecheck.run(visit, visit)
        assert app.hits == 2
"""

DJANGO = """
    import threading
    import django, pytest
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    state = {"hits": 0}
    lock = threading.Lock()

    def bad(request):
        hits = state["hits"]
        state["hits"] = hits + 1
        return HttpResponse("hit")

    def good(request):
        with lock:
            state["hits"] += 1
        return HttpResponse("hit")

    urlpatterns = [path("bad", bad), path("good", good)]
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", DATABASES={})
    django.setup()

    from django.test import Client

    @pytest.fixture
    def hits():
        state["hits"] = 0
        return state

    @pytest.mark.parametrize("page", [pytest.param("good", marks=pytest.mark.race(interleavings=5)), "bad"])
    @pytest.mark.race
    def test_hits(hits, racecheck, page):
        def visit():
            assert Client().get(f"/{page}").content == b"hit"

        racecheck.run(visit, visit)
        assert hits["hits"] == 2
"""


@pytest.mark.parametrize(("module", "source"), [("flask", FLASK), ("django", DJANGO)])
def test_visits_of_two_threads(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str, source: str
) -> None:
    pytest.importorskip(module)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(source)
    result = pytester.runpytest_subprocess("-p", "racecheck", "-o", "racecheck_shrink=0.2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["race *::test_hits?bad?: interleaving *"])
