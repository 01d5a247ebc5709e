"""The local page in a real browser: live, in two languages, light and dark, and for nobody else."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.system.programs import Program, free_port, running, simulated, until

pytestmark = pytest.mark.system


class House:
    """A gateway with a P1 meter, without a community; its page is at `url`."""

    def __init__(self, folder: Path, cable: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = folder / "gateway.toml"
        file.write_text(
            f'gateway = "home-noor"\npage = "127.0.0.1:{self.port}"\n'
            f'[device.hall]\ndriver = "p1"\nport = "{cable}"\n'
        )
        self.gateway = Program("gateway", folder, "gateway", "--config", file)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with simulated("p1", folder / "cable") as cable:
        house = House(folder, cable)
        with running(house.gateway):
            yield house


@pytest.fixture(scope="module")
def browser(part) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=part("chromium"), args=["--no-sandbox"]
        )
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, url: str, **looks: object) -> Iterator[Page]:
    """A page in a window of its own, which may not complain of anything."""
    context = browser.new_context(**looks)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    # A gateway that was ended on purpose leaves its connections refused.
    assert [] == [line for line in said if "ERR_" not in line]


def test_the_first_look_is_the_power_now_and_todays_quarters_in_dutch(house, browser):
    with opened(browser, house.url) as page:
        page.get_by_role("heading", name="Afname").or_(
            page.get_by_role("heading", name="Teruglevering")
        ).wait_for()
        assert "nl" == page.locator("html").get_attribute("lang")
        assert page.get_by_role("img", name="Vandaag per kwartier").is_visible()
        assert "home-noor" == page.locator("h1").inner_text()
        assert page.get_by_text("afgenomen energie, tarief 1").is_visible()


def test_a_link_changes_the_language_and_it_stays_changed(house, browser):
    with opened(browser, house.url) as page:
        page.get_by_role("link", name="English").click()
        page.get_by_text("energy taken, tariff 1").wait_for()
        page.goto(house.url)
        assert "en" == page.locator("html").get_attribute("lang")
        page.get_by_role("link", name="Nederlands").click()
        page.get_by_text("afgenomen energie, tarief 1").wait_for()


def test_what_the_meter_says_is_seen_without_a_reload_and_a_fold_stays_open(house, browser):
    with opened(browser, house.url) as page:
        page.evaluate("window.stayed = true")
        page.locator("summary").click()
        time = page.locator("header time")
        before = time.inner_text()
        until("the page shows a later time", lambda: time.inner_text() != before)
        assert page.evaluate("window.stayed")
        assert page.locator("details").get_attribute("open") is not None


def test_no_word_of_a_community_is_on_the_page_of_a_house_without_one(house, browser):
    with opened(browser, f"{house.url}/?lang=en") as page:
        text = page.locator("body").inner_text().lower()
    assert [] == [word for word in ("hub", "credit", "receipt", "delivered") if word in text]


TOO_WIDE = """
() => [...document.querySelectorAll("section *")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth)
  .map((e) => e.outerHTML.slice(0, 80))
"""


@pytest.mark.parametrize(
    ("width", "language"), [(320, "nl"), (320, "en"), (390, "nl"), (768, "nl"), (1280, "nl")]
)
def test_nothing_is_wider_than_the_window(house, browser, width, language):
    size = {"width": width, "height": 800}
    with opened(browser, f"{house.url}/?lang={language}", viewport=size) as page:
        assert width == page.evaluate("document.documentElement.scrollWidth")
        assert [] == page.evaluate(TOO_WIDE)


# Relative luminance and contrast. Spec: WCAG 2.2, success criterion 1.4.3.
CONTRAST = """
() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  for (const e of document.querySelectorAll("main *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest("svg")) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(e.outerHTML.slice(0, 80));
  }
  return low;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(house, browser, scheme):
    with opened(browser, house.url, color_scheme=scheme) as page:
        assert [] == page.evaluate(CONTRAST)


@contextmanager
def hostile_site() -> Iterator[str]:
    """A site of somebody else on this machine."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>win a prize</title>")

        def log_message(self, *_):
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


READ = """
async (url) => {
  try { return (await (await fetch(url + "/api/now")).text()).slice(0, 20); } catch { return ""; }
}
"""
LISTEN = """
(url) => new Promise((resolve) => {
  const events = new EventSource(url + "/events");
  events.onmessage = () => resolve("heard");
  events.onerror = () => resolve("");
})
"""
FRAME = """
(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = () => {
    try { resolve(frame.contentDocument ? "empty" : "foreign"); } catch { resolve("foreign"); }
  };
  frame.src = url;
  document.body.append(frame);
})
"""


def test_a_hostile_site_can_neither_read_nor_listen_nor_frame(house, browser):
    context = browser.new_context()
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    with hostile_site() as site:
        page.goto(site)
        assert "" == page.evaluate(READ, house.url)
        assert "" == page.evaluate(LISTEN, house.url)
        page.evaluate(FRAME, house.url)
        assert any("frame-ancestors" in line for line in refused), refused
    context.close()


def test_a_name_that_was_made_to_lead_here_shows_nothing(house, browser):
    """Its site then is the same as ours to the browser, which lets it read."""
    context = browser.new_context()
    answer = context.request.get(
        f"{house.url}/api/now", headers={"Host": f"evil.example:{house.port}"}
    )
    assert 421 == answer.status
    assert "home-noor" not in answer.text()
    context.close()


def test_a_gateway_that_is_gone_is_said_to_be_gone(tmp_path, browser):
    with simulated("p1", tmp_path / "cable") as cable:
        house = House(tmp_path, cable)
        with running(house.gateway), opened(browser, house.url) as page:
            away = page.locator("#away")
            assert away.is_hidden()
            house.gateway.kill()
            away.wait_for(state="visible")
            house.gateway.start()
            away.wait_for(state="hidden")
