"""Every screen at every size of display: nothing to scroll, nothing cut off, nothing small."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway import web
from gateway.kiosk import screen
from gateway.kiosk.events import Club, Crate
from gateway.kiosk.offer import Offer, Offered
from gateway.kiosk.point import Point
from gateway.kiosk.sentences import SENTENCES
from gateway.kiosk.view import Slip, View
from tests.kiosk import NOON
from tests.system.kiosk import Tab, tab
from tests.system.programs import free_port

pytestmark = pytest.mark.system

SIZES = {
    "7 inch": (800, 480),
    "8 inch": (1024, 600),
    "10 inch": (1280, 800),
    "upright": (600, 1024),
}


def fraction(id_: str, nl: str, en: str, *, unit: str = "kg", hazardous: bool = False) -> Offered:
    return Offered(id_, unit, nl, en, hazardous, "", is_full=id_ == "plastic")


# As much as a large recycling point offers, with long names.
OFFER = Offer(
    fractions=(
        fraction("glass", "glas", "glass"),
        fraction("paper", "papier", "paper"),
        fraction("plastic", "plastic", "plastic"),
        fraction("textile", "textiel", "textiles"),
        fraction("metal", "metaal", "metal"),
        fraction("garden", "groenafval", "garden waste"),
        fraction("batteries", "batterijen", "batteries", hazardous=True),
        fraction("lamps", "lampen", "lamps", unit="piece", hazardous=True),
        fraction("electronics", "elektronica", "electronics", unit="piece"),
        fraction("oil", "frituurvet", "cooking oil"),
        fraction("wood", "hout", "wood"),
        fraction("rubble", "puin", "rubble"),
    ),
    crates=(
        Crate("blue", 1_500_000, "blauwe krat", "blue crate"),
        Crate("grey", 2_500_000, "grijze krat", "grey crate"),
    ),
    clubs=(
        Club("vv", "VV Dorp", "Village FC"),
        Club("band", "Fanfare Sint-Jan", "Brass band"),
        Club("school", "De Regenboog", "Rainbow school"),
    ),
    language="nl",
    closed="",
)
SLIP = Slip("d", "glass", 12_345_000, None, "K7QM-3RXA", "kept", "", "", "", "", 290)
HELD = SLIP._replace(
    state="held",
    nl="Deze kaart kennen we nog niet. De beheerder zoekt het uit.",
    en="This card is not known yet. A steward looks into it.",
)


def view(at: str, word: str, **rest: Any) -> View:
    nl, en = SENTENCES[word]
    return View(**{"net_mg": 12_345_000, "link": "down"} | rest, screen=at, word=word, nl=nl, en=en)


VIEWS = {
    "nothing there": view("put", "put", net_mg=0, link="up"),
    "it swings": view("put", "settling", net_mg=112_340_000, steady_pct=60, left_s=44),
    "all is said": view(
        "put", "confirm", steady_pct=100, fraction="glass", who="card", can_confirm=True,
        about="0.617", asset="WASTE", left_s=9,
    ),
    "what is it": view("what", "what", steady_pct=100, left_s=40),
    "what is it, with the operator": view(
        "what", "what", steady_pct=100, left_s=40, operator=True, crate="grey"
    ),
    "how many": view("what", "how_many", net_mg=0, fraction="lamps", left_s=40, operator=True),
    "so many": view(
        "what", "confirm", net_mg=0, fraction="lamps", pieces=12, who="card", can_confirm=True,
        about="1.200", asset="WASTE", left_s=40,
    ),
    "whose is it": view(
        "whose", "whose", net_mg=112_340_000, steady_pct=100, fraction="garden", about="5.617",
        asset="WASTE", left_s=33,
    ),
    "a slip with a code": view("slip", "take_off", who="code", can_undo=True, slip=SLIP),
    "a slip that waits": view("slip", "kept", who="code", can_undo=True, slip=HELD, link="up"),
    "a slip of a card that nobody knows": view(
        "slip", "kept", who="card", can_undo=True, slip=HELD, link="up"
    ),
    "a slip that was credited": view(
        "slip", "kept", who="card", can_undo=True, link="up",
        slip=SLIP._replace(state="credited", amount="0.617250", asset="WASTE"),
    ),
    "the last slip": view("put", "can_undo", who="card", net_mg=0, can_undo=True, slip=SLIP),
    **{
        f"refused, {word}": view("refused", word, fraction="glass")
        for word in ("two_cards", "same_bag", "creeps", "nobody", "operator_needed")
    },
    "something left": view("clear", "clear", net_mg=3_200_000, link="up"),
    "closed": view("closed", "no_rules", net_mg=None),
}  # fmt: skip

# What does not fit. A button's target is measured as the finger finds it.
MISFITS = """() => {
  const found = [];
  const say = (why, it) => found.push(`${why}: ${it.id || it.textContent.trim().slice(0, 24)}`);
  const { scrollWidth, scrollHeight } = document.documentElement;
  if (scrollWidth > innerWidth || scrollHeight > innerHeight) found.push("the page scrolls");
  for (const it of document.querySelectorAll("body *")) {
    const box = it.getBoundingClientRect();
    if (!box.width || !box.height || it.closest(".pictograms, #away")) continue;
    const isOutside = box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
    if (isOutside || box.left < -1 || box.top < -1) say("outside", it);
    const panel = it.closest(".panel");
    if (panel && box.bottom > panel.getBoundingClientRect().bottom + 2) say("too low", it);
    if (it instanceof SVGElement || getComputedStyle(it).display === "inline") continue;
    if (it.clientWidth && it.scrollWidth > it.clientWidth + 2) say("too wide", it);
    if (!it.matches("button")) continue;
    if (it.scrollHeight > it.clientHeight + 2) say("too high", it);
    if (box.width < 48 || box.height < 48) say("too small", it);
  }
  return found;
}"""


class Showing:
    """In the place of a point: shows what it is told to show."""

    def __init__(self, port: int) -> None:
        self.settings = SimpleNamespace(screen=f"127.0.0.1:{port}", pin="operator.pin")
        self.shown = next(iter(VIEWS.values()))

    def view(self) -> View:
        return self.shown

    def offer(self) -> Offer:
        return OFFER


@contextmanager
def served(point: Showing) -> Iterator[None]:
    where = point.settings.screen
    app = screen.app(cast("Point", point), gateway="milieustraat", utc_ms=lambda: NOON)
    loop = asyncio.new_event_loop()
    serving = loop.create_task(web.serve(app, web.listen(where, key="screen")))
    thread = threading.Thread(target=loop.run_until_complete, args=[asyncio.wait([serving])])
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def point() -> Iterator[Showing]:
    showing = Showing(free_port())
    with served(showing):
        yield showing


@pytest.fixture(scope="module")
def at(point: Showing, part: Any) -> Iterator[Tab]:
    with tab(part("chromium"), f"http://{point.settings.screen}") as browser:
        yield browser


@pytest.mark.parametrize(("width", "height"), SIZES.values(), ids=SIZES)
def test_every_screen_fits_and_every_target_can_be_hit_with_gloves(
    width: int, height: int, point: Showing, at: Tab
) -> None:
    at.page.set_viewport_size({"width": width, "height": height})
    misfits: dict[str, list[str]] = {}
    for name, point.shown in VIEWS.items():
        at.sees(point.shown.screen, point.shown.word)
        for language in ("en", "nl"):
            at.page.click("#language")
            if found := at.page.evaluate(MISFITS):
                misfits[f"{name}, {language}"] = found
    for name, opener in {
        "nothing there": "#operator",
        "what is it, with the operator": "#not_accepted",
    }.items():
        point.shown = VIEWS[name]
        at.sees(point.shown.screen, point.shown.word)
        at.page.click(opener)
        if found := at.page.evaluate(MISFITS):
            misfits[opener] = found
        at.page.click("dialog[open] > [data-close]")
    assert {} == misfits
    assert [] == at.complaints


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("code", "Code K7QM-3RXA Maak een foto van deze code en geef die aan de beheerder."),
        ("card", "Nieuwe kaart? Geef de beheerder deze code: K7QM-3RXA"),
        ("club", ""),
    ],
)
def test_a_slip_says_what_its_code_is_for_and_shows_none_where_it_is_for_nothing(
    who: str, told: str, point: Showing, at: Tab
) -> None:
    point.shown = view("slip", "kept", who=who, slip=SLIP)
    at.page.wait_for_selector(f'body[data-who="{who}"] #slip', state="visible")
    assert told == " ".join(at.page.locator("#code").inner_text().split())
