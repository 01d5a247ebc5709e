"""The screen's door: what is shown, what is touched, and what only the operator may do."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.contract.errors import UsageError
from gateway.kiosk import book, screen, sheet, touch
from gateway.kiosk.events import (
    REASONS,
    Cancel,
    Choose,
    Confirm,
    ForClub,
    NoCard,
    NotAccepted,
    Pieces,
    Undo,
    UseCrate,
)
from gateway.kiosk.labels import LABELS
from tests import kiosk
from tests.kiosk import NOON, NOOR, PIN, RULES, Bench, paper

OURS = "http://127.0.0.1:7090"
DAY_MS = 86_400_000


class Touched(Bench):
    """A point with its screen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.page = screen.app(self.point, gateway="point", utc_ms=lambda: self.utc_ms or 0)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.page)
            async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
                return await client.request(method, path, **more)

        return asyncio.run(answer())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, said: object, **more: Any) -> httpx.Response:
        self.wait(1_000)
        return self.ask("POST", path, json=said, **more)

    def now(self) -> dict[str, Any]:
        return dict(self.get("/api/now").json())

    def sign_in(self) -> None:
        assert 204 == self.post("/api/operator", {"pin": PIN}).status_code


@pytest.fixture
def bench(tmp_path: Path) -> Touched:
    return Touched(tmp_path)


def shown(figure: str) -> str:
    """How a page writes a figure for both languages."""
    return f'<span lang="nl">{figure.replace(".", ",")}</span><span lang="en">{figure}</span>'


# What is shown


def test_the_state_is_the_view_and_the_offer_as_objects(bench: Touched) -> None:
    bench.weigh(0)
    bench.weigh(3_250_000)
    now = bench.now()
    assert ("what", 3_250_000) == (now["view"]["screen"], now["view"]["net_mg"])
    glass = {
        "id": "glass",
        "unit": "kg",
        "nl": "glas",
        "en": "glass",
        "by_operator": False,
        "rate": "0.05 WASTE / kg",
        "is_full": False,
    }
    assert glass == now["offer"]["fractions"][0]
    assert ["blue"] == [crate["id"] for crate in now["offer"]["crates"]]


def test_a_deposit_goes_from_touch_to_slip_with_a_code_to_claim_it(bench: Touched) -> None:
    bench.weigh(0)
    bench.weigh(3_250_000)
    assert 204 == bench.post("/api/act", {"act": "choose", "fraction": "glass"}).status_code
    bench.weigh(3_250_000, times=1)
    assert 204 == bench.post("/api/act", {"act": "no_card"}).status_code
    now = bench.now()["view"]
    assert ("slip", "code", "kept") == (now["screen"], now["who"], now["slip"]["state"])
    assert re.fullmatch("[0-9A-Z]{4}-[0-9A-Z]{4}", now["slip"]["code"])


def test_what_the_hub_credited_stands_on_the_slip(bench: Touched) -> None:
    deposit = bench.deposit()
    bench.point.new_credit(kiosk.said(deposit, state="credited", amount="0.162500", asset="WASTE"))
    slip = bench.now()["view"]["slip"]
    assert ("credited", "0.162500", "WASTE") == (slip["state"], slip["amount"], slip["asset"])


def test_the_number_of_a_card_is_on_no_page(bench: Touched) -> None:
    bench.deposit()
    bench.sign_in()
    told = "".join(bench.get(path).text for path in ("/", "/api/now", "/operator"))
    assert NOOR not in told
    assert bench.point._book.newest()[0].card not in told


def test_the_edition_changes_with_the_offer_and_not_with_the_weight(bench: Touched) -> None:
    first = bench.now()["edition"]
    bench.weigh(3_250_000)
    assert first == bench.now()["edition"]
    bench.point.new_policy(paper(RULES.replace('"glas"', '"flessen"')))
    assert first != bench.now()["edition"]
    assert f'data-edition="{bench.now()["edition"]}"' in bench.get("/").text


def test_a_name_cannot_bring_a_script_along(bench: Touched) -> None:
    bench.point.new_policy(paper(RULES.replace('"glas"', '"<script>x</script>\'>"')))
    assert "<script>x" not in bench.get("/").text
    assert "&lt;script&gt;x" in bench.get("/").text


@pytest.mark.parametrize("path", ["/", "/operator", "/operator/containers", "/operator/scale"])
def test_a_page_holds_all_it_needs_and_nothing_that_its_policy_forbids(
    bench: Touched, path: str
) -> None:
    bench.sign_in()
    answer = bench.get(path)
    assert 200 == answer.status_code
    assert "default-src 'self'; frame-ancestors 'none'" == answer.headers["content-security-policy"]
    linked = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert all(link.startswith("/") and not link.startswith("//") for link in linked)
    assert not re.findall(r'\s(?:style|on\w+)="', answer.text)
    assert not re.findall(r"<script(?! src=)|<style", answer.text)
    for link in linked:
        assert 200 == bench.get(link).status_code, link


def test_every_label_is_used_and_says_something_in_both_languages() -> None:
    templates = "".join(one.read_text("utf-8") for one in screen.HERE.glob("templates/*.html"))
    said = set(re.findall(r'(?:say\(|labels\[|if |else |\(|, )"(\w+)"', templates))
    states = {f"state_{state}" for state in ("kept", "sent", "credited", "counted", "held")}
    said |= {*screen.SCRIPT_LABELS, *REASONS, *states, "state_withdrawn"}
    assert [] == [key for key in LABELS if key not in said]
    assert all(nl and en for nl, en in LABELS.values())


def test_a_change_is_told_at_once_and_silence_is_broken(
    bench: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = screen.Screen(bench.point, gateway="point", utc_ms=lambda: NOON)

    async def listen() -> list[bytes]:
        changes = page._changes()
        first = await anext(changes)
        bench.weigh(3_250_000)
        second = await anext(changes)
        monkeypatch.setattr(screen, "SILENT_S_MAX", 0)
        third = await anext(changes)
        await changes.aclose()
        return [first, second, third]

    told = [json.loads(event.removeprefix(b"data: ")) for event in asyncio.run(listen())]
    assert [None, 3_250_000, 3_250_000] == [state["view"]["net_mg"] for state in told]
    assert page._watching == 0


def test_no_more_screens_are_served_than_a_point_has_use_for(
    bench: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "EVENTS_MAX", 0)
    assert 503 == bench.get("/events").status_code


def test_screens_that_all_come_at_once_are_no_more_either(bench: Touched) -> None:
    page = screen.Screen(bench.point, gateway="point", utc_ms=lambda: NOON)

    async def come() -> list[int]:
        streams = [page._changes() for _ in range(9)]
        told = [len([one async for one in aiter_once(stream)]) for stream in streams]
        for stream in streams:
            await stream.aclose()
        return told

    async def aiter_once(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with suppress(StopAsyncIteration):
            yield await anext(stream)

    assert [1, 1, 1, 1, 0, 0, 0, 0, 0] == asyncio.run(come())


# What is touched


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        ({"act": "choose", "fraction": "glass"}, Choose("glass")),
        ({"act": "pieces", "number": 3}, Pieces(3)),
        ({"act": "crate", "crate": "blue"}, UseCrate("blue")),
        ({"act": "crate", "crate": ""}, UseCrate("")),
        ({"act": "no_card"}, NoCard()),
        ({"act": "club", "club": "vv-dorp"}, ForClub("vv-dorp")),
        ({"act": "confirm"}, Confirm()),
        ({"act": "cancel"}, Cancel()),
        ({"act": "undo"}, Undo()),
        ({"act": "not_accepted", "reason": "mixed"}, NotAccepted("mixed")),
        ({"act": "leave"}, Cancel()),
    ],
    ids=str,
)
def test_what_is_touched_is_an_event_of_the_session(asked: dict[str, Any], event: object) -> None:
    found = touch.event(asked)
    # Two events without a field are equal, whatever they mean.
    assert (type(event), event) == (type(found), found)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "this is not a JSON object"),
        (b"[]", "this is not a JSON object"),
        (b"{" * 4000, "this is not a JSON object"),
        (b'{"act":' + b"[" * 3000, "this is not a JSON object"),
        (b'{"act":"choose","fraction":"\xff"}', "this is not a JSON object"),
        (b'{"\xff":1}', "this is not a JSON object"),
        (b'{"act":"explode"}', "no act is called 'explode'"),
        (b'{"act":["choose"]}', "no act is called ['choose']"),
        (b'{"act":"choose"}', "fraction is None"),
        (b'{"act":"choose","fraction":7}', "fraction is 7"),
        (b'{"act":"choose","fraction":"a\\nb"}', "fraction is 'a\\nb'"),
        (b'{"act":"pieces","number":0}', "0 is not a number of pieces"),
        (b'{"act":"pieces","number":true}', "True is not a number of pieces"),
        (b'{"act":"pieces","number":1.5}', "1.5 is not a number of pieces"),
        (b'{"act":"not_accepted","reason":"ugly"}', "'ugly' is not why something is turned away"),
        (b" " * 5000, "too much"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_an_act_is_told_with_what_to_do_and_changes_nothing(
    bench: Touched, body: bytes, what: str
) -> None:
    before = bench.point.session
    headers = {"content-type": "application/json"}
    answer = bench.ask("POST", "/api/act", content=body, headers=headers)
    assert (400, {"what", "where", "try"}) == (answer.status_code, set(answer.json()))
    assert answer.json()["what"].startswith(what)
    assert answer.json()["try"]
    assert before == bench.point.session


def test_what_the_disk_does_not_take_is_not_kept_and_the_screen_says_so(bench: Touched) -> None:
    bench.weigh(0)
    bench.act(Choose("glass"), NoCard())
    bench.weigh(3_250_000, times=8)
    bench.journal._disk.db.execute("PRAGMA query_only = ON")
    assert 204 == bench.post("/api/act", {"act": "confirm"}).status_code
    view = bench.now()["view"]
    assert ("refused", "not_kept", None) == (view["screen"], view["word"], view["slip"])
    assert [] == bench.records("mk-deposit-v1")


def test_what_an_operator_does_is_told_not_to_be_kept_where_the_disk_takes_nothing(
    bench: Touched,
) -> None:
    bench.deposit()
    bench.post("/api/operator", {"pin": PIN})
    bench.journal._disk.db.execute("PRAGMA query_only = ON")
    answer = bench.post("/api/operator/emptied", {"fraction": "glass"})
    assert 503 == answer.status_code
    assert "nothing can be kept: attempt to write a readonly database" == answer.json()["what"]
    assert [] == bench.records("mk-container-v1")


def test_who_hangs_up_in_the_middle_of_a_word_is_let_go(bench: Touched) -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/act",
        "headers": [(b"host", b"127.0.0.1:7090"), (b"content-type", b"application/json")],
    }
    asyncio.run(bench.page(scope, receive, send))
    assert 400 == sent[0]["status"]


def test_a_form_of_any_page_is_no_touch(bench: Touched) -> None:
    answer = bench.ask("POST", "/api/act", content=b'{"act":"confirm"}')
    assert 415 == answer.status_code
    foreign = {"origin": "http://evil.example"}
    assert 403 == bench.post("/api/act", {"act": "confirm"}, headers=foreign).status_code
    host = {"host": "evil.example"}
    assert 421 == bench.post("/api/act", {"act": "confirm"}, headers=host).status_code
    assert 405 == bench.get("/api/act").status_code


@pytest.mark.parametrize(
    ("written", "mg"),
    [("812.5", 812_500_000), ("0,001", 1_000), ("100000", 10**11), ("7", 7_000_000)],
)
def test_a_mass_is_read_exactly(written: str, mg: int) -> None:
    assert mg == touch.mass_mg({"kg": written}, "kg")


@pytest.mark.parametrize(
    "written",
    ["", "0", "0,000", "-1", "1e3", "NaN", "100000.1", "1,2,3", "1.0000001", "٣", " 1", None, 5],
)
def test_what_is_no_mass_is_refused(written: object) -> None:
    with pytest.raises(UsageError):
        touch.mass_mg({"kg": written}, "kg")


# The operator


@pytest.mark.parametrize("path", ["/operator", "/operator/containers", "/operator/scale"])
def test_the_books_are_shown_to_the_operator_only_and_not_for_ever(
    bench: Touched, path: str
) -> None:
    assert (303, "/") == (bench.get(path).status_code, bench.get(path).headers["location"])
    wrong = bench.post("/api/operator", {"pin": "0000"})
    assert (403, "this is not the PIN") == (wrong.status_code, wrong.json()["what"])
    assert 303 == bench.get(path).status_code
    bench.sign_in()
    assert 200 == bench.get(path).status_code
    bench.wait(121_000)
    bench.point.tick()
    assert 303 == bench.get(path).status_code


def test_nothing_of_the_operators_can_be_done_by_somebody_else(bench: Touched) -> None:
    deposit = bench.deposit()
    asked: dict[str, dict[str, str]] = {
        "correct": {"deposit": deposit, "fraction": "", "reason": "x"},
        "emptied": {"fraction": "glass"},
        "hauled": {"emptying": "x", "hauled_kg": "1"},
        "test-weight": {"nominal_kg": "5"},
        "zero": {},
    }
    for act, said in asked.items():
        answer = bench.post(f"/api/operator/{act}", said)
        assert (400, "nobody is signed in") == (answer.status_code, answer.json()["what"]), act


def test_after_too_many_wrong_pins_the_right_one_must_wait(bench: Touched) -> None:
    for _ in range(5):
        assert 403 == bench.post("/api/operator", {"pin": "0000"}).status_code
    answer = bench.post("/api/operator", {"pin": PIN})
    assert (400, "5 wrong PINs in a row") == (answer.status_code, answer.json()["what"])
    assert not bench.now()["view"]["operator"]


def test_signing_out_closes_the_books(bench: Touched) -> None:
    bench.sign_in()
    assert 204 == bench.post("/api/operator/sign-out", {}).status_code
    assert 303 == bench.get("/operator").status_code


def test_a_correction_stands_on_the_day_sheet(bench: Touched) -> None:
    deposit = bench.deposit()
    bench.sign_in()
    page = bench.get("/operator").text
    assert shown("3.250") + " kg" in page
    (done,) = bench.point.deposits()
    assert done.code in page
    said = {"deposit": deposit, "fraction": "paper", "reason": "Verkeerde afvalsoort"}
    assert 204 == bench.post("/api/operator/correct", said).status_code
    row = bench.get("/operator").text.partition("<table>")[2].partition("</table>")[0]
    assert "papier" in row
    assert "Verkeerde afvalsoort" in row
    said = {"deposit": deposit, "fraction": "", "reason": "Vergissing"}
    assert 204 == bench.post("/api/operator/correct", said).status_code
    assert '<tr class="gone">' in bench.get("/operator").text


def test_what_was_hauled_stands_against_what_was_delivered(bench: Touched) -> None:
    bench.deposit(4_000_000)
    bench.sign_in()
    assert 'aria-label="40 %"' in bench.get("/operator/containers").text
    assert 204 == bench.post("/api/operator/emptied", {"fraction": "glass"}).status_code
    page = bench.get("/operator/containers").text
    (emptying,) = re.findall(r'data-key="emptying" data-value="([0-9a-f]{32})"', page)
    said = {"emptying": emptying, "hauled_kg": "3,9"}
    assert 204 == bench.post("/api/operator/hauled", said).status_code
    page = bench.get("/operator/containers").text
    assert shown("4.0") in page
    assert shown("3.9") + " kg" in page
    assert shown("-2.5 %") in page


def test_a_test_weight_is_done_for_today_and_drawn(bench: Touched) -> None:
    bench.sign_in()
    assert LABELS["test_missing"][0] in bench.get("/operator/scale").text
    bench.weigh(5_005_000)
    assert 204 == bench.post("/api/operator/test-weight", {"nominal_kg": "5"}).status_code
    page = bench.get("/operator/scale").text
    assert LABELS["test_today"][0] in page
    assert "+5 g" in page
    assert 1 == page.count("<circle")
    bench.wait(DAY_MS)
    bench.sign_in()
    assert LABELS["test_missing"][0] in bench.get("/operator/scale").text


def test_a_scale_without_commands_says_where_its_zero_key_is(bench: Touched) -> None:
    bench.sign_in()
    answer = bench.post("/api/operator/zero", {})
    assert (400, "the zero key of the scale itself") == (answer.status_code, answer.json()["try"])


@pytest.mark.parametrize(
    ("hauled", "delivered", "text"),
    [
        (98_000_000, 100_000_000, "-2.0 %"),
        (100_050_000, 100_000_000, "+0.1 %"),
        (100_049_999, 100_000_000, "+0.0 %"),
        (99_999_999, 100_000_000, "+0.0 %"),
        (5_000_000, 0, ""),
    ],
)
def test_a_difference_is_in_tenths_of_a_per_cent(hauled: int, delivered: int, text: str) -> None:
    assert text == sheet.difference(hauled, delivered)


def test_drift_is_drawn_from_left_to_right_as_it_came() -> None:
    newest_first = [book.TestWeight(NOON - day * DAY_MS, 5_000_000, 5_000_000 + day * 20_000)
                    for day in range(3)]  # fmt: skip
    log = sheet.tests(newest_first, now_ms=NOON)
    assert [("18.0", "18.0"), ("300.0", "49.0"), ("582.0", "80.0")] == log["chart"]["points"]
    assert ("40 g", "5", True) == (log["chart"]["most"], log["last"], log["done_today"])


@pytest.mark.parametrize(
    ("names", "picture"),
    [(("glass", "glas", "glass"), "glass"), (("x", "frituurvet", "cooking oil"), "oil"),
     (("rest", "restafval", "residual waste"), "bag")],
    ids=["by its id", "by its name", "by none"],
)  # fmt: skip
def test_a_fraction_has_a_picture_that_is_there(names: tuple[str, ...], picture: str) -> None:
    assert picture == sheet.picture(*names)
    drawn = (screen.HERE / "templates" / "pictograms.svg").read_text("utf-8")
    assert all(f'id="p-{name}"' in drawn for name in [*sheet.PICTURES.values(), "bag"])
