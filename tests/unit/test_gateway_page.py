"""The local page: for this machine only, gaps drawn as gaps, numbers as counted."""

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway.history import Counters
from gateway.page import chart, view
from gateway.page.view import amount
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
    kinds = [bar.kind for bar in chart.draw(day, slots=96, hour_of={0: "00"}).bars]
    assert kinds == ["taken", "gap", "gap", "taken"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4_426_500_000, "mWh", "4426.500 kWh"),
        (-5_000, "mg", "-0.005 kg"),
        (230_100, "mV", "230.1 V"),
        (21_500, "m°C", "21.5 °C"),
        (13, "count", "13 count"),
        (26_120_000_000_000, "mJ", "26.120 GJ"),
        (198_000_000, "mL", "198.000 m³"),
        (15_480_000_000, "ms", "4300.0 h"),
        (5_000, "ms", "5 s"),
        (41_508, "pulse", "41508"),
        ("0.612 m3/h", "", "0.612 m³/h"),
        ("0002", "", "0002"),
    ],
)
def test_amounts_are_written_as_people_write_them(value: int | str, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_a_card_of_a_meter_begins_with_what_it_counts() -> None:
    told = {
        "manufacturer": ("KAM", ""),
        "6-0:1.0.0": (26_120_000_000_000, "mJ"),
        "6-0:9.0.0": ("0.612 m3/h", ""),
        "1-0:2.8.0": (41_508, "pulse"),
    }
    readings = {name: {"value": value, "unit": unit} for name, (value, unit) in told.items()}
    card = view._meter("heat", {"readings": readings, "behind": [], "last_ms": None})
    assert [(row["meaning"], row["value"]) for row in card["rows"]] == [
        ("heat", "26.120 GJ"),
        ("pulses counted", "41508"),
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
    power = view._power(devices)
    assert power
    assert (power["watts"], power["gives"]) == expected
