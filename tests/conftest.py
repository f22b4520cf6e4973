"""What several test files share."""

import pytest

from . import browser


@pytest.fixture(scope="session")
def page():
    """An open browser, see `tests.browser`; skips where there is none."""
    yield from browser.chromium()
