"""The pages in a real browser: without scripts, with them, on a phone, and for those who do not see them."""

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
    """Pages whose worker learns of outages while they are looked at."""

    def __init__(self) -> None:
        self.now = CALM
        self.view: WorkerView = replace(
            CALM,
            outages=lambda: self.now.outages(),
            incidents=lambda: self.now.incidents(),
            history_of_outage=lambda outage: self.now.history_of_outage(outage),
            health=lambda: self.now.health(),
        )
        self.url = ""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Yield pages that ask for news each second."""
    every, templates.ENVIRONMENT.globals["every"] = templates.ENVIRONMENT.globals["every"], 1
    its = Site()
    with served(its.view) as its.url:
        yield its
    templates.ENVIRONMENT.globals["every"] = every


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Yield a browser that runs scripts."""
    with browser(tmp_path_factory.mktemp("profile")) as its:
        yield its


def heading(chrome: Chrome) -> str:
    """Return the heading of the page."""
    return chrome.find_element(By.TAG_NAME, "h1").text


def wait(chrome: Chrome, text: str) -> None:
    """Wait until the page has this heading."""
    WebDriverWait(chrome, PATIENCE, ignored_exceptions=[Exception]).until(lambda its: heading(its) == text)


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
    """What is new appears without a load; the focus stays, and a change is said to those who listen."""
    site.now = CALM
    chrome.get(site.url)
    assert heading(chrome) == "Nothing is dark"
    chrome.execute_script("window.same = true; document.querySelector('nav a').focus()")
    site.now = DARK
    wait(chrome, "1 ongoing incident")
    assert chrome.execute_script("return window.same && document.activeElement.textContent") == "Incidents"
    assert chrome.find_element(By.CSS_SELECTOR, "[role=status]").get_attribute("textContent") == "1 ongoing incident"
    assert chrome.title == "1 ongoing incident · Ebbtide"
    chrome.execute_script("document.querySelector('main .rows a').focus()")
    focused = "return document.activeElement.getAttribute('href')"
    before = chrome.execute_script(focused)
    site.now = replace(DARK, incidents=list)
    wait(chrome, "60 ongoing outages")
    assert chrome.execute_script(focused) == before
    assert complaints(chrome) == []


def test_a_page_that_gets_no_answer_says_that_it_is_old(site: Site, chrome: Chrome) -> None:
    """What is shown is not taken for the state of now; once there are answers again, it is."""
    site.now = CALM
    chrome.get(site.url)
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    chrome.execute_cdp_cmd("Network.enable", {})
    chrome.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    wait_for = WebDriverWait(chrome, PATIENCE)
    wait_for.until(lambda its: its.execute_script("return 'stale' in document.documentElement.dataset"))
    assert "does not answer" in str(chrome.find_element(By.ID, "announcement").get_attribute("textContent"))
    online = {**offline, "offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    chrome.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    wait_for.until(lambda its: not its.execute_script("return 'stale' in document.documentElement.dataset"))
    complaints(chrome)


def test_without_scripts_the_page_loads_itself_again(site: Site, tmp_path: Path) -> None:
    """All that is told is in the page as it comes."""
    site.now = CALM
    with browser(tmp_path, scripts=False) as chrome:
        chrome.get(site.url)
        assert heading(chrome) == "Nothing is dark"
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
    """Axe finds nothing to complain of: contrast, landmarks, headings, names, roles."""
    site.now = DARK
    resize(chrome, width, 800, scheme)
    for path in paths():
        chrome.get(site.url + path)
        chrome.execute_script(AXE)
        found: list[dict[str, Any]] = chrome.execute_async_script(RUN)
        assert [(one["id"], one["help"], [node["html"] for node in one["nodes"]][:3]) for one in found] == [], path


def test_nothing_comes_from_elsewhere(site: Site, chrome: Chrome) -> None:
    """All that a page loads is of the same worker, and the browser has nothing to complain of."""
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
