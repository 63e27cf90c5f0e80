"""The page in a real browser: it opens without an error, steps, and can be read on any screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("selenium", reason="no selenium here")
pytest.importorskip("jinja2")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from pytest_racecheck.report.html.page import write
from tests.report import sessions
from tests.report.test_html_page import HOSTILE

if TYPE_CHECKING:
    from tests.conftest import Engine

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not _CHROMIUM or not _DRIVER, reason="no Chromium with its driver here")

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)

#: The least contrast of any text with what is behind it, as WCAG 2 computes it.
_CONTRAST = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const found = channels(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found;
  }
};
let least = [Infinity, ""];
for (const node of document.querySelectorAll("body *:not(svg *, script, [aria-disabled=true])")) {
  const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
  if (!own || !node.checkVisibility()) continue;
  const [a, b] = [light(channels(getComputedStyle(node).color)), light(ground(node))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < least[0]) least = [contrast, node.outerHTML.slice(0, 200)];
}
return least;
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    for argument in (*_ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(_DRIVER)))
    yield driver
    driver.quit()


class Shown:
    """A page that is open in the browser, and what a person does with it."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        driver.get(path.as_uri())

    def find(self, selector: str) -> list[Any]:
        return [each for each in self.driver.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]

    def text(self, selector: str) -> list[str]:
        return [" ".join(each.text.split()) for each in self.find(selector)]

    def press(self, *keys: str) -> None:
        self.driver.find_element(By.TAG_NAME, "body").send_keys(*keys)

    def go(self, where: str) -> None:
        self.find(f"[data-go={where}]")[0].click()

    @property
    def current(self) -> str:
        (row,) = self.text(".row[aria-current=step]")
        return row

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def no_errors(self) -> None:
        assert self.driver.get_log("browser") == []


@pytest.fixture
def look(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Shows a page for results, in a window of the given width, in the light or in the dark."""

    def show(*results: Any, width: int = 1280, dark: bool = False, scripts: bool = True) -> Shown:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        calm = {"name": "prefers-reduced-motion", "value": "reduce"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, calm]})
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        path = tmp_path / f"page-{len(list(tmp_path.iterdir()))}.html"
        write(path, sessions.of(*results), {})
        return Shown(chromium, path)

    yield show
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    chromium.get_log("browser")


def test_stepping_forwards_and_back(look: Any, engine: Engine) -> None:
    page = look(sessions.race(engine))
    rows = page.text(".row")
    assert "read balance: 100" in page.current
    assert page.text("output") == [f"1 / {len(rows)}"]
    assert page.text(".values tr") == ["bank.balance 100"]
    page.go("back")  # there is none
    assert page.current == rows[0]
    page.go("forward")
    page.press(Keys.ARROW_RIGHT)
    assert page.current == rows[2]
    page.press(Keys.ARROW_LEFT)
    assert page.current == rows[1]
    seen = [page.text(".state")]
    for _ in rows[2:]:
        page.press(Keys.ARROW_RIGHT)
        seen.append(page.text(".state"))
    assert page.current == rows[-1]
    assert any("holds bank.lock" in text for (text,) in seen)
    assert any("100 → " in text for (text,) in seen)
    assert page.find("[data-go=forward]")[0].get_attribute("aria-disabled") == "true"
    page.go("first")
    assert page.current == rows[0]
    page.find("input[type=range]")[0].send_keys(Keys.END)
    assert page.current == rows[-1]
    page.find(".row")[1].click()
    assert page.current == rows[1]
    page.no_errors()


def test_more_detail_at_the_same_point_of_time(look: Any, engine: Engine) -> None:
    page = look(sessions.race(engine))
    story = page.text(".row")
    page.go("last")
    source = page.text(".row[aria-current=step] .source")
    page.find(".levels label")[-1].click()
    everything = page.text(".row")
    assert len(everything) > len(story)
    assert page.text(".row[aria-current=step] .source") == source
    page.go("first")
    assert page.text("output") == [f"1 / {len(everything)}"]
    page.no_errors()


def test_a_deadlock_is_drawn(look: Any, engine: Engine) -> None:
    page = look(sessions.deadlock(engine), sessions.race(engine))
    (graph,) = page.find(".graph svg")
    assert graph.size["height"] > 150
    page.go("last")
    assert "T1 waits for second, held by T2 holds first" in page.text(".state")[0]
    # The arrow keys are for the timeline that one looks at.
    page.run("document.querySelectorAll('.timeline')[1].scrollIntoView()")
    page.run("document.activeElement.blur()")
    page.press(Keys.ARROW_RIGHT)
    assert [text[0] for text in page.text("output")][1] == "2"
    page.no_errors()


@pytest.mark.parametrize(("width", "dark"), [(360, True), (800, False), (1280, True)])
def test_it_can_be_read_on_any_screen(look: Any, engine: Engine, width: int, *, dark: bool) -> None:
    outcomes = [("x" * 60, 3), ("b", 1)]
    page = look(
        sessions.race(engine), sessions.deadlock(engine), sessions.passing(outcomes=outcomes), width=width, dark=dark
    )
    assert page.run("return document.documentElement.scrollWidth") <= width
    lefts = {each.location["x"] for each in page.find(".timeline .cell")}
    assert len(lefts) == (1 if width < 600 else 2)
    light = page.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] > 128")
    assert light is not dark
    contrast, worst = page.run(_CONTRAST)
    assert contrast >= 4.5, worst
    assert len(page.driver.get_screenshot_as_png()) > 10_000
    page.no_errors()


def test_without_scripts_the_lanes_are_there(look: Any, engine: Engine) -> None:
    page = look(sessions.race(engine), scripts=False)
    story = len(page.find(".row"))
    assert story > 2
    assert page.find(".player, .copy") == []
    page.find(".levels label")[-1].click()
    assert len(page.find(".row")) > story


def test_the_replay_command_is_copied(look: Any) -> None:
    page = look(sessions.failing(sessions.step(1, "T1", 1)))
    page.find(".copy")[0].click()
    WebDriverWait(page.driver, 20).until(lambda _: page.text(".copy") == ["Copied"])
    page.no_errors()


def test_hostile_values_stay_values(look: Any) -> None:
    steps = [
        sessions.step(n, "T1", n, resource=HOSTILE, before=HOSTILE, after=HOSTILE, code=HOSTILE, holds=[HOSTILE])
        for n in (1, 2)
    ]
    page = look(sessions.failing(*steps, nodeid=HOSTILE, message=HOSTILE))
    page.go("forward")
    assert "<img src=x" in page.text(".values")[0]
    assert page.find("img") == []
    page.no_errors()


def test_a_thousand_steps(look: Any) -> None:
    page = look(sessions.long_run(1_000))
    page.find(".levels label")[-1].click()
    page.go("last")
    assert page.text("output") == ["1000 / 1000"]
    top = page.run("return document.querySelector('.row[aria-current=step]').getBoundingClientRect().top")
    assert 0 <= top <= 900
    page.press(Keys.ARROW_LEFT)
    assert page.text("output") == ["999 / 1000"]
    page.no_errors()
