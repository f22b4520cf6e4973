"""A real Chromium for tests of pages: one per test session, which opens files and sees everything.

Needs Debian's ``chromium`` and ``chromium-driver`` (or Chrome with its driver) and Selenium.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROME = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")


class Page:
    """An open page: `driver` is Selenium's; `check` finds what should not have happened."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, fragment: str = "", width: int = 1400, height: int = 900) -> None:
        """Open a file, with what happened before forgotten."""
        self.driver.set_window_size(width, height)
        # all files share one storage: what a test before chose is not chosen here
        kept = {"origin": "file://", "storageTypes": "local_storage"}
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", kept)
        self.driver.get("about:blank")  # so that the same file with another fragment loads anew
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri() + fragment)

    def js(self, code: str, *args: Any) -> Any:
        """The value of a JavaScript function's body."""
        return self.driver.execute_script(code, *args)

    def all(self, selector: str) -> list[Any]:
        """The elements that a CSS selector finds."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        """The element that a CSS selector finds; an error if there is none."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """The text of that element, as seen."""
        return str(self.one(selector).text)

    def keys(self, *keys: str) -> None:
        """Type on the keyboard, at whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def dark(self, wanted: bool) -> None:
        """Ask for dark pages, as the user's system does."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def check(self) -> None:
        """No error was written to the console, and nothing but files and data was asked for."""
        said = [m["message"] for m in self.driver.get_log("browser") if m["level"] == "SEVERE"]
        assert not said, said
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        allowed = ("file:", "data:", "blob:", "about:")
        assert not [url for url in asked if not url.startswith(allowed)]


def chromium() -> Iterator[Page]:
    """Starts the browser; skips, saying what is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if CHROME is None or DRIVER is None:
        pytest.skip("needs Chromium and its driver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROME
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Page(driver)
    finally:
        driver.quit()
