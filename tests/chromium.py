"""A headless Chromium of the machine, driven by its own driver, for the tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests import programs

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
JAVASCRIPT = "profile.managed_default_content_settings.javascript"


def demand() -> tuple[str, str]:
    """Return the browser and its driver; skip the test, or fail it when EBBTIDE_REQUIRE_CHROMIUM is set, without."""
    missing = "the pages need chromium and chromedriver (Debian: chromium, chromium-driver)"
    program, driver = programs.demand(("chromium", "chromedriver"), missing, "EBBTIDE_REQUIRE_CHROMIUM")
    return program, driver


@contextmanager
def browser(profile: Path, *, scripts: bool = True) -> Iterator[Chrome]:
    """Yield a browser with a profile of its own and a window as of a small screen."""
    program, driver = demand()
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {JAVASCRIPT: 2})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        resize(chrome, 1280, 900)
        yield chrome
    finally:
        chrome.quit()


def resize(chrome: Chrome, width: int, height: int, scheme: str = "light") -> None:
    """Make the page as large as this, as a phone of this width would, and ask for light or dark colours."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def complaints(chrome: Chrome) -> list[dict[str, Any]]:
    """Return what the page has written on its console since the last call."""
    logs: list[dict[str, Any]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]
    return logs
