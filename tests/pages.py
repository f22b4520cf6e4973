"""Reading and typing on learner pages, for tests in a browser."""

from __future__ import annotations


def number(text):
    """ "−1,234" or "8.7 %" as a number."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", "").replace("%", ""))


def listed(text):
    """ "(1, −2)" as numbers."""
    return [number(part) for part in text.strip("() ").split(", ")]


def write(page, key, value):
    """Type into the control of that key, as a reader does."""
    from selenium.webdriver.common.keys import Keys

    field = page.all(f'[data-field="{key}"]') or page.all(f'[data-key="{key}"]')
    field[0].send_keys(Keys.CONTROL, "a")
    field[0].send_keys(str(value))


def reload(page):
    """Wait until the address has the state, and load it anew."""
    page.driver.implicitly_wait(0)
    page.js("window.dispatchEvent(new Event('pagehide'))")
    page.driver.refresh()
