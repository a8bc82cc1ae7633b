"""A browser over the dashboard's pages: Chromium, driven by Playwright. Tests use it, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from playwright.sync_api import Browser, Page, expect, sync_playwright

PROGRAM = "chromium"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESK = {"width": 1280, "height": 800}

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def running_browser(path: str) -> Iterator[Browser]:
    """Start the Chromium at this path, for the time of a `with` block."""
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def expect_live(page: Page) -> None:
    """Wait until a page of the dashboard says that its connection lives."""
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")


def aside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call something on another thread, and wait for it.

    Playwright's event loop runs on the thread that has the browser, where a synchronous client
    refuses to wait.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args, **kwargs).result()
