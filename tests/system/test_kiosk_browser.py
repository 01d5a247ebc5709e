"""Members and the operator at the screen of a recycling point, in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.kiosk import PIN, Place, Tab, place, tab
from tests.system.programs import done, until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("kiosk")) as point:
        yield point


@pytest.fixture(scope="module")
def screen(here: Place, part) -> Iterator[Tab]:
    with tab(part("chromium"), here.page) as screen:
        yield screen


def balance(here: Place) -> str:
    told = json.loads(done("ledger", "balance", "--json", "--config", here.hub))
    return str(told[0]["balances"].get("WASTE", "0"))


def empty(here: Place, screen: Tab) -> None:
    """Take everything off, and have done with what is on the screen."""
    here.devices.put("0")
    if screen.page.locator("body").get_attribute("data-screen") in {"slip", "refused"}:
        screen.look()
        screen.touch("Klaar")
    screen.sees("put", "put")


def test_a_member_deposits_by_card_and_touch_and_sees_what_was_credited(
    here: Place, screen: Tab
) -> None:
    screen.sees("put", "put")
    screen.picture("put")
    here.devices.put("12.340")
    screen.sees("what")
    screen.reads("12,340")
    screen.picture("what")
    screen.touch("glas")
    screen.sees("whose")
    screen.reads("≈ 0,617")
    screen.picture("whose")
    here.devices.tap()
    screen.sees("slip")
    # 12.340 kg at 0.05.
    screen.reads("Bijgeschreven +0,617000 WASTE")
    assert screen.page.locator("#code").is_hidden()
    screen.picture("slip")
    assert "0.617000" == balance(here)
    empty(here, screen)


def test_without_a_line_it_is_kept_here_and_credited_when_the_line_is_back(
    here: Place, screen: Tab
) -> None:
    here.broker.end()
    screen.reads("Geen verbinding")
    here.devices.put("3.200")
    screen.sees("what")
    screen.touch("papier")
    screen.sees("whose")
    screen.look()
    screen.touch("Geen kaart")
    screen.sees("slip")
    screen.reads("Wordt later verstuurd")
    screen.picture("offline")
    code = screen.page.locator(".big [data-code]").inner_text()
    assert re.fullmatch("[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    here.broker.start()
    screen.reads("Wacht op controle")
    done("member", "claim", "noor", code, "--config", here.hub)
    # 3.200 kg at 0.02.
    screen.reads("Bijgeschreven +0,064000 WASTE")
    until("it is in the books", lambda: balance(here) == "0.681000")
    empty(here, screen)


def test_pieces_are_counted_and_given_to_a_club(here: Place, screen: Tab) -> None:
    screen.touch("English")
    screen.touch("lamps")
    screen.reads("How many")
    screen.touch("+")
    screen.touch("+")
    screen.picture("pieces")
    screen.touch("That many")
    screen.sees("whose")
    screen.look()
    screen.touch("Village FC")
    screen.sees("slip")
    screen.reads("3\npieces")
    screen.reads("Credited +0.300000 WASTE")
    screen.touch("Nederlands")
    screen.look()
    screen.touch("Klaar")
    screen.sees("put", "put")


def test_what_was_kept_by_mistake_is_taken_back(here: Place, screen: Tab) -> None:
    here.devices.put("2.100")
    screen.sees("what")
    screen.touch("textiel")
    screen.sees("whose")
    here.devices.tap()
    screen.sees("slip")
    screen.look()
    screen.touch("Terugdraaien")
    screen.reads("Teruggedraaid")
    empty(here, screen)


def test_who_weighs_the_same_bag_again_is_told_why_not(here: Place, screen: Tab) -> None:
    here.devices.put("12.340")
    screen.sees("what")
    screen.touch("glas")
    screen.sees("whose")
    here.devices.tap()
    screen.sees("refused", "same_bag")
    screen.picture("refused")
    empty(here, screen)


def test_the_operator_corrects_empties_and_tests_the_scale(here: Place, screen: Tab) -> None:
    page = screen.page
    screen.touch("Beheer")
    for digit in "0000":
        page.click(f'#pin [data-digit="{digit}"]')
    page.click('#pin [data-digit="ok"]')
    screen.reads("Dat is niet de pincode.")
    for digit in PIN:
        page.click(f'#pin [data-digit="{digit}"]')
    page.click('#pin [data-digit="ok"]')
    screen.reads("Dagstaat")
    screen.reads("12,340 kg")
    screen.picture("day")
    page.locator("tr", has_text="12,340").locator("button").click()
    page.click("#correct >> text=plastic")
    page.click("#correct >> text=Verkeerde afvalsoort")
    page.click("#save")
    screen.reads("gecorrigeerd: Verkeerde afvalsoort")
    page.click("text=Containers")
    emptied = page.locator("article", has_text="papier").locator("button")
    emptied.wait_for()
    page.wait_for_load_state("load")  # with the page's script
    emptied.click()
    for key in "3,1":
        page.click(f'#haul [data-digit="{key}"]')
    page.click('#haul [data-digit="ok"]')
    screen.reads("-3,1 %")
    screen.picture("containers")
    page.click("header >> text=Weegschaal")
    screen.reads("Vandaag nog niet gedaan")
    here.devices.put("5")
    page.wait_for_selector("#live:text-is('5,000')")
    screen.touch("Testgewicht")
    page.click('#test [data-digit="5"]')
    page.wait_for_timeout(800)  # a weight that has just been put down is not steady yet
    page.click('#test [data-digit="ok"]')
    screen.reads("Vandaag gedaan")
    screen.picture("scale")
    here.devices.put("0")
    page.click("text=Naar het scherm")
    screen.sees("put", "put")
    here.devices.put("4.500")
    screen.sees("what")
    screen.look()
    screen.touch("Niet aangenomen")
    screen.touch("Gemengd")
    screen.sees("refused", "mixed")
    empty(here, screen)
    screen.touch("Beheer")
    screen.touch("Afmelden")
    screen.sees("put")
    page.goto(f"{here.page}/operator")
    screen.sees("put")


def test_while_the_gateway_is_away_nothing_is_promised(here: Place, screen: Tab) -> None:
    here.devices.put("1.800")
    screen.sees("what")
    here.gateway.kill()
    screen.page.wait_for_selector("body.away #away >> text=Even geduld", timeout=6_000)
    screen.picture("away")
    here.gateway.start()
    screen.sees("slip", "last")
    screen.look()
    screen.touch("Klaar")
    screen.sees("clear")
    screen.picture("clear")
    empty(here, screen)


def test_nothing_was_complained_of_and_nothing_left_the_machine(here: Place, screen: Tab) -> None:
    wrong_pin = "Failed to load resource: the server responded with a status of 403 (Forbidden)"
    assert [wrong_pin] == screen.complaints
    assert {True} == {url.startswith(f"{here.page}/") for url in screen.requested}


def test_nobodys_number_is_in_the_log(here: Place) -> None:
    log = Path(here.gateway.log).read_text()
    assert "deposit_kept" in log
    assert "0A00ABCDEF" not in log
    assert PIN not in re.sub(r"\d{4}-\d\d-\d\d", "", log).split()
