"""Pages of the dashboard in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from docs.examples import browser as shared
from docs.examples.browser import DESK, PROGRAM, expect_live
from tests.tools import require

TIMEOUT_MS = 40_000
TELEPHONE = {"width": 390, "height": 844}
PAGES = ("overview", "workers", "tasks", "graph", "clients", "logs")

# What browsers write down though nothing is wrong: what an older scheduler does not offer is
# answered with 501; other tests give this machine addresses, and Chromium drops its requests then.
EXPECTED = ("status of 501", "net::ERR_NETWORK_CHANGED")

aside = shared.aside

expect.set_options(timeout=TIMEOUT_MS)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start Chromium, for the time of a `with` block."""
    path = require(PROGRAM, "make test installs Debian's package where it runs as root")
    with shared.running_browser(path) as browser:
        yield browser


class Visitor:
    """A person with one tab open.

    Parameters
    ----------
    browser
        Which shows it.
    link
        Where the dashboard is.
    options
        Of the tab: "viewport", "color_scheme" and whatever else Playwright knows.
    """

    def __init__(self, browser: Browser, link: str, **options: Any) -> None:  # noqa: ANN401
        self.link = link
        self.complaints: list[str] = []
        self._requests: list[Request] = []
        self._context = browser.new_context(**{"viewport": DESK} | options)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._requests.append(request))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(
            each in message.text for each in EXPECTED
        ):
            self.complaints.append(message.text)

    def _waits_for(self) -> list[str]:
        """Return what was asked for and did not come."""
        return [each.url for each in self._requests if each.timing["responseEnd"] < 0]

    def open(self, path: str = "") -> Page:
        """Go to a page by its address, "#/workers", and wait until it is live."""
        self.page.goto(f"{self.link}{path}")
        self.is_live()
        return self.page

    def is_live(self) -> None:
        """Wait until the page says that its connection lives."""
        try:
            expect_live(self.page)
        except AssertionError as error:
            error.add_note(f"The browser says: {self.complaints}; it waits for {self._waits_for()}")
            raise

    def sees(self, test_id: str, text: str) -> None:
        """Wait until an element shows exactly this text."""
        expect(self.page.get_by_test_id(test_id)).to_have_text(text)

    def close(self) -> None:
        """Leave."""
        self._context.close()
