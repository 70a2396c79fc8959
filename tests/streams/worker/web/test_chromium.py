"""The pages in a real browser: without scripts, with scripts, on a phone, and for screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from streams.worker.web import templates
from streams.worker.web.worker_view import WorkerView
from tests.chromium import browser, complaints, resize
from tests.streams.worker.web.site import Dark, read, served, story

PATIENCE = 30
CALM, DARK = read(story(darks=())), read(story(60, [Dark(asn, 77, 9, 0.97) for asn in range(1, 41)]))
AXE = (files("axe_core_python") / "axe.min.js").read_text()
RUN = "const done = arguments[0]; axe.run().then((found) => done(found.violations));"


class Site:
    """Pages whose worker gets outages while they are open."""

    def __init__(self) -> None:
        self.now = CALM
        self.view: WorkerView = replace(
            CALM,
            outages=lambda: self.now.outages(),
            incidents=lambda: self.now.incidents(),
            histories=lambda outages: self.now.histories(outages),
            health=lambda: self.now.health(),
        )
        self.url = ""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Yield pages that update themselves each second."""
    every, templates.ENVIRONMENT.globals["every"] = templates.ENVIRONMENT.globals["every"], 1
    pages = Site()
    with served(pages.view) as pages.url:
        yield pages
    templates.ENVIRONMENT.globals["every"] = every


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Yield a browser that runs scripts."""
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def heading(chrome: Chrome) -> str:
    """Return the heading of the page."""
    return chrome.find_element(By.TAG_NAME, "h1").text


def wait(chrome: Chrome, text: str) -> None:
    """Wait until the page has this heading."""
    WebDriverWait(chrome, PATIENCE, ignored_exceptions=[Exception]).until(lambda driver: heading(driver) == text)


def paths() -> list[str]:
    """Return one path of each sort of page."""
    outage, incident = DARK.outages()[0].outage_id, DARK.incidents()[0].incident_id
    return [
        "/",
        "/outages",
        "/incidents",
        "/series?entity=AS1",
        f"/outages/{outage}",
        f"/incidents/{incident}",
        "/outages/none",
    ]


def test_the_page_updates_itself_in_place(site: Site, chrome: Chrome) -> None:
    """Changes appear without a reload; the focus stays, and a screen reader announces the change."""
    site.now = CALM
    chrome.get(site.url)
    assert heading(chrome) == "Nothing is dark in 2 of 3 feeds"
    chrome.execute_script("window.same = true; document.querySelector('nav a').focus()")
    site.now = DARK
    wait(chrome, "1 ongoing incident")
    assert chrome.execute_script("return window.same && document.activeElement.textContent") == "Incidents"
    assert chrome.find_element(By.CSS_SELECTOR, "[role=status]").get_attribute("textContent") == "1 ongoing incident"
    assert chrome.title == "1 ongoing incident · Ebbtide"
    chrome.execute_script("document.querySelector('main details').open = true")
    chrome.execute_script("document.querySelector('main .rows a').focus()")
    site.now = replace(DARK, outages=lambda: DARK.outages()[1:])
    summary = "return document.querySelector('main details[open] summary').textContent"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: driver.execute_script(summary).startswith("59 ongoing"))
    focused = "return document.activeElement.getAttribute('href')"
    before = chrome.execute_script(focused)
    site.now = replace(DARK, incidents=list)
    wait(chrome, "60 ongoing outages")
    assert chrome.execute_script(focused) == before
    assert complaints(chrome) == []


def test_times_have_the_local_time_and_stay_where_they_are(site: Site, chrome: Chrome) -> None:
    """A pointer that rests on a time in UTC shows the reader's; a page that has not changed is not replaced."""
    site.now = DARK
    chrome.get(f"{site.url}{paths()[4]}")
    titled = "const time = document.querySelector('main time'); time.mine = true; return [time.title, time.dateTime]"
    title, written = chrome.execute_script(titled)
    assert written[:4] in title
    asked = "return performance.getEntriesByType('resource').filter((entry) => entry.initiatorType === 'fetch').length"
    WebDriverWait(chrome, PATIENCE).until(lambda driver: driver.execute_script(asked) >= 2)
    assert chrome.execute_script("return document.querySelector('main time').mine")


def test_a_page_that_gets_no_answer_says_that_it_is_old(site: Site, chrome: Chrome) -> None:
    """The page is marked as stale until the worker answers again."""
    site.now = CALM
    chrome.get(site.url)
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    chrome.execute_cdp_cmd("Network.enable", {})
    chrome.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    wait_for = WebDriverWait(chrome, PATIENCE)
    wait_for.until(lambda driver: driver.execute_script("return 'stale' in document.documentElement.dataset"))
    assert "does not answer" in str(chrome.find_element(By.ID, "announcement").get_attribute("textContent"))
    online = {**offline, "offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    chrome.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    wait_for.until(lambda driver: not driver.execute_script("return 'stale' in document.documentElement.dataset"))
    complaints(chrome)


def test_without_scripts_the_page_loads_itself_again(site: Site, tmp_path: Path) -> None:
    """The page contains everything without scripts."""
    site.now = CALM
    with browser(tmp_path, scripts=False) as chrome:
        chrome.get(site.url)
        assert heading(chrome) == "Nothing is dark in 2 of 3 feeds"
        site.now = DARK
        wait(chrome, "1 ongoing incident")
        assert len(chrome.find_elements(By.CSS_SELECTOR, "main svg path.measured")) == 61


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_nothing_is_wider_than_the_window(site: Site, chrome: Chrome, width: int) -> None:
    """No page scrolls sideways, from a small phone on."""
    site.now = DARK
    resize(chrome, width, 800)
    for path in paths():
        chrome.get(site.url + path)
        sizes = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        scroll, client = chrome.execute_script(sizes)
        assert scroll <= client == width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible(site: Site, chrome: Chrome, width: int, scheme: str) -> None:
    """Axe reports no violation: contrast, landmarks, headings, names, roles."""
    site.now = DARK
    resize(chrome, width, 800, scheme)
    for path in paths():
        chrome.get(site.url + path)
        chrome.execute_script(AXE)
        found: list[dict[str, Any]] = chrome.execute_async_script(RUN)
        violations = [(rule["id"], rule["help"], [node["html"] for node in rule["nodes"]][:3]) for rule in found]
        assert violations == [], path


def test_nothing_comes_from_elsewhere(site: Site, chrome: Chrome) -> None:
    """A page loads only from its own worker, and the browser logs no complaint."""
    site.now = DARK
    complaints(chrome)
    for path in paths()[:-1]:
        chrome.get(site.url + path)
        loaded = chrome.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
        assert {name.split("?")[0] for name in loaded} >= {f"{site.url}/style.css", f"{site.url}/page.js"}
        assert all(name.startswith((site.url, "data:")) for name in loaded)
        picture = chrome.execute_script("return getComputedStyle(document.querySelector('.brand svg')).stroke")
        assert picture.startswith("rgb(")
    assert complaints(chrome) == []
