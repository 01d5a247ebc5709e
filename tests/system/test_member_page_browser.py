"""A member's page in a real browser: nothing too wide, no complaint, and files that arrive."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from ledger_bridge.books.acts.requests import Transfer
from ledger_bridge.hub import Hub, HubSettings
from ledger_bridge.page.app import build
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street
from tests.system.programs import free_port, until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a street in which something happened, on a port of loopback."""
    street, home = Street(tmp_path_factory.mktemp("street")), Chain("home")
    street.take(
        "home",
        home.quarter(MIDNIGHT_MS, export_wh=0),
        home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000),
    )
    street.act(Transfer("noor", "bram", "ENERGY", 250_000), "gift", now_ms=NOON_MS)
    settings = HubSettings(community=ID, broker="mqtt://127.0.0.1", books=str(street.path))
    app = build(Hub(settings, Path("bridge.toml")), lambda: 0)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until("the page listens", lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser(part) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=part("chromium"), args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.mark.parametrize(
    ("width", "looks", "heading"),
    [
        (320, {"color_scheme": "light", "locale": "nl-NL"}, "Saldo nu"),
        (390, {"color_scheme": "dark", "locale": "en-GB"}, "Balance now"),
        (1280, {"color_scheme": "dark", "locale": "nl-NL"}, "Saldo nu"),
    ],
    ids=["small", "phone", "wide"],
)
def test_the_page_fits_its_window_in_the_browsers_language(browser, url, width, looks, heading):
    context = browser.new_context(viewport={"width": width, "height": 800}, **looks)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{url}/member/noor?month=2026-06")
    page.get_by_role("heading", name=heading).wait_for()
    assert page.get_by_role("img").is_visible()
    assert width == page.evaluate("document.documentElement.scrollWidth")
    over = "s => [...s].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
    assert [] == page.locator("section").evaluate_all(over)
    assert [] == said
    context.close()


def test_no_table_of_the_first_page_is_wider_than_a_small_telephone(browser, url):
    page = browser.new_page(viewport={"width": 320, "height": 800})
    page.goto(url, wait_until="domcontentloaded")
    over = "s => [...s].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
    assert [] == page.locator("section").evaluate_all(over)
    page.close()


def test_a_member_is_found_from_the_first_page_and_takes_the_workbook_along(browser, url):
    context = browser.new_context(locale="nl-NL")
    page = context.new_page()
    page.goto(url, wait_until="domcontentloaded")
    page.get_by_role("link", name="noor").first.click()
    page.goto(f"{page.url}?month=2026-06")
    with page.expect_download() as download:
        page.get_by_role("link", name="xlsx").click()
    assert "noor-2026-06.xlsx" == download.value.suggested_filename
    page.get_by_role("link", name="waarom").first.click()
    assert page.get_by_role("heading", name="Booking 1").is_visible()
    context.close()
