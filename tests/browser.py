"""A headless Chromium of Debian's, driven by Playwright; absent, the test is skipped in words (`REQUIRE_SERVICES`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import require_services

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # of tests, which may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(kw_only=True)
class Visit:
    """A page that was opened, and what it said and asked for meanwhile."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def browsing(*, width: int = 1280, height: int = 900) -> Iterator[Visit]:
    """Give an empty page; its errors and warnings, and every address it asks for, are taken down."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        require_services("no Chromium on this machine: apt install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        require_services("no Playwright in this environment: make venv-dev")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            visit = Visit(page=browser.new_page(viewport={"width": width, "height": height}))
            visit.page.on("console", lambda m: visit.said.append(m.text) if m.type in ("error", "warning") else None)
            visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
            visit.page.on("request", lambda request: visit.asked.append(request.url))
            yield visit
        finally:
            browser.close()
