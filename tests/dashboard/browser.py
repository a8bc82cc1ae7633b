"""Pages of the dashboard in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.tools import require

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
TIMEOUT_MS = 40_000
DESK = {"width": 1280, "height": 800}
TELEPHONE = {"width": 390, "height": 844}
PAGES = ("overview", "workers", "tasks", "graph", "clients", "logs")

P = ParamSpec("P")
R = TypeVar("R")

expect.set_options(timeout=TIMEOUT_MS)


def aside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call something on another thread, and wait for it.

    Playwright's event loop runs on that of the test, where a synchronous client refuses to wait.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args, **kwargs).result()


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start Chromium, for the time of a `with` block."""
    path = require("chromium", "make test installs Debian's package where it runs as root")
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


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
        self._context = browser.new_context(**{"viewport": DESK} | options)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        # What an older scheduler does not offer is answered with 501, which browsers write down.
        if message.type in ("error", "warning") and "status of 501" not in message.text:
            self.complaints.append(message.text)

    def open(self, path: str = "") -> Page:
        """Go to a page by its address, "#/workers", and wait until it is live."""
        self.page.goto(f"{self.link}{path}")
        self.is_live()
        return self.page

    def is_live(self) -> None:
        """Wait until the page says that its connection lives."""
        expect(self.page.get_by_test_id("connection")).to_have_attribute("data-state", "live")

    def sees(self, test_id: str, text: str) -> None:
        """Wait until an element shows exactly this text."""
        expect(self.page.get_by_test_id(test_id)).to_have_text(text)

    def close(self) -> None:
        """Leave."""
        self._context.close()
