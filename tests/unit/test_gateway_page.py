"""The local page: for this machine only, gaps drawn as gaps, numbers as counted."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway.devices import DeviceNow
from gateway.history import Counters, First
from gateway.page import app, chart, figures, view, words
from gateway.page.words import Words
from gateway.quarter import QUARTER_MS
from gateway.web import Guard, is_ours

DAY = 1_780_264_800_000  # 2026-06-01 in Amsterdam begins


@pytest.mark.parametrize(
    ("host", "where", "ours"),
    [
        ("localhost:7081", "127.0.0.1:7081", True),
        ("127.0.0.1:7081", "127.0.0.1:7081", True),
        ("[::1]:7081", "127.0.0.1:7081", True),
        ("evil.example:7081", "127.0.0.1:7081", False),
        ("192.168.1.5:7081", "127.0.0.1:7081", False),
        ("", "127.0.0.1:7081", False),
        ("192.168.1.5:7081", "192.168.1.5:7081", True),
        ("192.168.1.6:7081", "192.168.1.5:7081", False),
        ("192.168.1.5:7081", "0.0.0.0:7081", True),
        ("evil.example", "0.0.0.0:7081", False),
    ],
)
def test_only_a_host_that_is_this_machine_is_answered(host: str, where: str, ours: bool) -> None:
    assert is_ours(host, where) is ours


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


def ask(host: str, **headers: str) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(inner, "127.0.0.1:7081"))
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get(f"http://{host}/", headers=headers)

    return asyncio.run(answer())


def test_a_foreign_host_gets_nothing_and_others_get_the_headers() -> None:
    foreign = ask("evil.example")
    assert (421, "not this host\n") == (foreign.status_code, foreign.text)
    assert "nosniff" == ask("localhost:7081").headers["x-content-type-options"]


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:9999", "null"])
def test_a_page_of_another_site_gets_nothing(origin: str) -> None:
    foreign = ask("localhost:7081", origin=origin)
    assert (403, "not from another site\n") == (foreign.status_code, foreign.text)
    assert "secret" == ask("localhost:7081", origin="http://localhost:7081").text


def count(*pairs: tuple[int, int]) -> dict[int, Counters]:
    return {DAY + slot * QUARTER_MS: Counters(mwh, 0) for slot, mwh in pairs}


def test_a_quarter_without_both_boundaries_is_a_gap_and_its_energy_still_counts() -> None:
    history = count((0, 0), (1, 100_000), (3, 400_000))
    now = Counters(450_000, 0)
    end_ms = DAY + 96 * QUARTER_MS
    day = chart.quarters(
        history, now, start_ms=DAY, end_ms=end_ms, now_ms=DAY + 3 * QUARTER_MS + 60_000
    )
    assert [(q.taken_mwh, q.known) for q in day] == [
        (100_000, True),
        (0, False),
        (0, False),
        (50_000, True),
    ]
    assert chart.counted(history, now, start_ms=DAY, end_ms=end_ms) == (450_000, 0)
    drawn = chart.draw(
        day, slots=96, labels={0: "00"}, title=lambda slot, _: f"{slot}", language="nl"
    )
    kinds = [bar.kind for bar in drawn.bars]
    assert kinds == ["taken", "gap", "gap", "taken"]


@pytest.mark.parametrize(
    ("late_ms", "expected"),
    [
        pytest.param(0, [(100_000, True), (70_000, True)], id="at the boundary"),
        pytest.param(60_000, [(100_000, True), (70_000, True)], id="its first count may yet come"),
        pytest.param(60_001, [(100_000, True), (0, False), (0, False)], id="it should have come"),
    ],
)
def test_a_quarter_that_has_only_begun_is_no_gap(late_ms, expected) -> None:
    history = count((0, 0), (1, 100_000))
    now = Counters(170_000, 0)
    drawn = chart.quarters(
        history,
        now,
        start_ms=DAY,
        end_ms=DAY + 96 * QUARTER_MS,
        now_ms=DAY + 2 * QUARTER_MS + late_ms,
    )
    assert expected == [(q.taken_mwh, q.known) for q in drawn]


def test_a_swapped_meter_leaves_a_gap_and_the_day_counts_both() -> None:
    history = count((0, 900_000), (1, 950_000), (2, 10_000))
    span = {"start_ms": DAY, "end_ms": DAY + 96 * QUARTER_MS}
    now = Counters(30_000, 0)
    drawn = chart.quarters(history, now, **span, now_ms=DAY + 2 * QUARTER_MS + 60_000)
    assert [(50_000, True), (0, False), (20_000, True)] == [(q.taken_mwh, q.known) for q in drawn]
    assert (70_000, 0) == chart.counted(history, now, **span)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4_426_500_000, "mWh", "4\u202f426,500 kWh"),
        (1_234_567_890_123, "mWh", "1\u202f234\u202f567,890 kWh"),
        (-5_000, "mg", "\u22120,005 kg"),
        (-400, "mg", "0,000 kg"),
        (499, "mW", "0,000 kW"),
        (500, "mW", "0,001 kW"),
        (230_100, "mV", "230,1 V"),
        (21_500, "m°C", "21,5 °C"),
        (50_000, "mHz", "50 Hz"),
        (13, "count", "13 count"),
        (26_120_000_000_000, "mJ", "26,120 GJ"),
        (198_000_000, "mL", "198,000 m³"),
        (15_480_000_000, "ms", "4\u202f300,0 uur"),
        (5_000, "ms", "5 s"),
        (41_508, "pulse", "41\u202f508"),
        ("0.612 m3/h", "", "0.612 m³/h"),
        ("0002", "", "0002"),
    ],
)
def test_amounts_are_written_as_people_write_them(value: int | str, unit: str, text: str) -> None:
    assert text == figures.amount(value, unit, "nl")


def test_in_english_a_point_stands_before_the_decimals() -> None:
    assert "4\u202f426.500 kWh" == figures.amount(4_426_500_000, "mWh", "en")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 uur"), (86_400, "24 uur"),
     (172_800, "2 dagen")],
)  # fmt: skip
def test_a_time_is_told_in_the_largest_unit_that_it_fills(seconds: float, text: str) -> None:
    assert text == figures.span(seconds, "nl")


@pytest.mark.parametrize(
    ("octets", "text"),
    [(999, "999 B"), (1_000, "1,0 kB"), (114_949, "114,9 kB"), (2_000_000_000, "2,0 GB")],
)
def test_a_size_is_told_in_the_largest_unit_below_it(octets: int, text: str) -> None:
    assert text == figures.size(octets, "nl")


MIDNIGHT, NEXT = 1_780_264_800_000, 1_780_351_200_000


@pytest.mark.parametrize(
    ("taken", "given", "expected"),
    [
        pytest.param(
            (First(MIDNIGHT + 5_000, 100), First(NEXT + 5_000, 350)),
            (First(MIDNIGHT + 5_000, 7), First(NEXT + 5_000, 7)),
            chart.Span(250, 0, known=True),
            id="both ends",
        ),
        pytest.param(
            (First(MIDNIGHT + 5_000, 100), None), (None, None), chart.GAP, id="nothing after it"
        ),
        pytest.param(
            (First(MIDNIGHT, 100), First(NEXT, 90)),
            (First(MIDNIGHT, 0), First(NEXT, 0)),
            chart.GAP,
            id="another meter",
        ),
        pytest.param(
            (First(MIDNIGHT + 3_600_001, 100), First(NEXT, 350)),
            (None, None),
            chart.Span(250, 0, known=True, whole=False),
            id="begun an hour late",
        ),
        pytest.param(
            (First(MIDNIGHT, 100), First(NEXT - 40_000_000, 350)),
            (None, None),
            chart.Span(250, 0, known=True),
            id="today, until now",
        ),
    ],
)
def test_a_day_is_what_its_first_count_and_the_next_days_say(taken, given, expected) -> None:
    assert expected == chart.day(taken, given, start_ms=MIDNIGHT, end_ms=NEXT)


def test_a_card_of_a_meter_begins_with_what_it_counts() -> None:
    told = {
        "manufacturer": ("KAM", ""),
        "6-0:1.0.0": (26_120_000_000_000, "mJ"),
        "6-0:9.0.0": ("0.612 m3/h", ""),
        "1-0:2.8.0": (41_508, "pulse"),
    }
    readings = {name: {"value": value, "unit": unit} for name, (value, unit) in told.items()}
    device = {"readings": readings, "behind": [], "last_ms": None, "messages": 1}
    card = view._meter("heat", device, DeviceNow("mbus", talks=True), Words("en"))
    assert [(row["meaning"], row["value"]) for row in card["rows"]] == [
        ("heat", "26.120 GJ"),
        ("pulses counted", "41\u202f508"),
    ]
    assert [(row["register"], row["meaning"]) for row in card["others"]] == [
        ("manufacturer", ""),
        ("6-0:9.0.0", "its flow"),
    ]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"1-0:1.7.0": 0, "1-0:2.7.0": 698_000}, (698, True)),
        ({"1-0:16.7.0": -360_000}, (360, True)),
        ({"1-0:16.7.0": 120_000}, (120, False)),
        ({"1-0:1.8.0": 5_000}, (75, False)),
    ],
    ids=["two registers", "one, given back", "one, taken", "a meter without power"],
)
def test_the_power_of_the_house_is_never_that_of_a_contact(
    first: dict[str, int], expected: tuple[int, bool]
) -> None:
    contact = {"1-0:2.8.0": {"value": 9, "unit": "pulse"}, "1-0:2.7.0": {"value": 1, "unit": "mW"}}
    last = {"1-0:1.7.0": {"value": 75_000, "unit": "mW"}}
    told = {name: {"value": value, "unit": "mW"} for name, value in first.items()}
    devices = {
        name: {"readings": readings, "last_ms": None}
        for name, readings in (("balcony", contact), ("hall", told), ("other", last))
    }
    power = view._power(devices, Words("nl"))
    assert power
    assert (power["watts"], power["gives"]) == expected


@pytest.mark.parametrize(
    ("asked", "kept", "expected"),
    [("en", "nl", "en"), ("fr", "en", "en"), (None, "en", "en"), (None, None, "nl")],
    ids=["asked", "asked for one that is not spoken", "kept", "set"],
)
def test_the_language_is_the_one_asked_for_else_kept_else_set(asked, kept, expected) -> None:
    assert expected == words.chosen(asked, kept, "nl")


def test_everything_is_said_in_both_languages_with_the_same_blanks_to_fill() -> None:
    for name, (dutch, english) in words._WORDS.items():
        assert dutch, name
        assert sorted(re.findall(r"{\w+}", dutch)) == sorted(re.findall(r"{\w+}", english)), name


def test_every_word_of_the_template_is_there() -> None:
    template = (Path(view.__file__).parent / "templates" / "page.html").read_text("utf-8")
    named = set(re.findall(r"\bw\.(\w+)", template)) - {"say", "language", "other"}
    assert set() == named - words._WORDS.keys()


def test_no_word_stands_there_that_the_page_never_says() -> None:
    folder = Path(view.__file__).parent
    said = "".join(
        file.read_text("utf-8")
        for file in (*folder.glob("*.py"), folder / "templates" / "page.html")
        if file.name != "words.py"
    )
    # Named by what they tell of: a state of a device, a quality of the clock, an English twin.
    by_state = {"ok", "silent", "lost", "clock_synced", "clock_held", "clock_meter", "clock_unset"}
    known = set(words._WORDS) - by_state
    assert [] == [name for name in sorted(known) if not re.search(rf"[.\"']{name}\b", said)]


def test_the_state_is_worked_out_once_for_all_who_listen(monkeypatch) -> None:
    looks: list[dict[str, int]] = [
        {"utc_ms": 3, "x": 2},
        {"utc_ms": 2, "x": 1},
        {"utc_ms": 1, "x": 1},
    ]
    monkeypatch.setattr(app, "said", lambda _: looks.pop())

    async def numbers(every_s: float) -> list[int]:
        monkeypatch.setattr(app, "EVENT_S_MIN", every_s)
        told.look()
        return [told.number, len(looks)]

    told = app._Told(None)
    assert [1, 2] == asyncio.run(numbers(3600.0))
    assert [1, 2] == asyncio.run(numbers(3600.0))
    assert [1, 1] == asyncio.run(numbers(-3600.0)), "another time is no news"
    assert [2, 0] == asyncio.run(numbers(-3600.0))
    assert b'{"utc_ms":3,"x":2}' == told.text()
