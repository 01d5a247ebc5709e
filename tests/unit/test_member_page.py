"""A member's page of the hub, and the files that it gives."""

import asyncio
import io
import json
from decimal import Decimal

import httpx
import openpyxl
import pytest

from ledger_bridge.books.acts.requests import Transfer
from ledger_bridge.books.log import proof as proofs
from ledger_bridge.hub import Hub, HubSettings
from ledger_bridge.page.app import build
from ledger_bridge.page.bars import draw
from ledger_bridge.page.words import chosen
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

HOSTILE = '<script>alert("x")</script>'
MONTH = "/member/noor?month=2026-06"


@pytest.fixture
def street(tmp_path):
    """Noor, 3 kWh at a third of a credit, gives Bram a quarter of one."""
    street, home = Street(tmp_path), Chain("home")
    street.community.db.execute("INSERT INTO person VALUES (?, 'noor', ?, '')", (ID, HOSTILE))
    street.take(
        "home",
        home.quarter(MIDNIGHT_MS, export_wh=0),
        home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000),
    )
    street.act(Transfer("noor", "bram", "ENERGY", 250_000), "gift", now_ms=NOON_MS + 1)
    return street


def get(street, path, **headers):
    settings = HubSettings(community=ID, broker="mqtt://127.0.0.1", books=str(street.path))

    async def ask():
        app = build(Hub(settings, street.path.parent / "bridge.toml"), lambda: 0)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_a_member_sees_the_balance_every_line_and_why(street):
    shown = " ".join(get(street, f"{MONTH}&lang=nl").text.split())
    for part in (
        "<b>0,750000</b>",
        "Alles verrekend tot en met 2026-06-20.",
        '3 kWh <span class="soft">teruggeleverd (tarief 1)</span>',
        '<span class="plus">+1,000000</span>',
        '<span class="minus">-0,250000</span>',
        "noor gaf bram 0,25 ENERGY",
        'href="/why/1">waarom</a>',
        "<title>2026-06-21: 1,000000 ENERGY</title>",
        'href="/member/noor?month=2026-05&amp;lang=nl"',
    ):
        assert part in shown


def test_kinds_of_waste_are_called_as_in_the_language_of_the_page(street):
    street.take("point", Chain("point").deposit(NOON_MS, grams=2_500))
    assert '2,5 kg <span class="soft">glas</span>' in get(street, f"{MONTH}&lang=nl").text
    assert '2.5 kg <span class="soft">glass</span>' in get(street, f"{MONTH}&lang=en").text


def test_a_name_is_never_markup(street):
    for page in (MONTH, "/parts"):
        shown = get(street, page).text
        assert HOSTILE not in shown
        assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in shown


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        (None, "nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        (None, "de-DE, en;q=0.5", "en"),
        (None, "", "en"),
        ("nl", "en", "nl"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_browsers(asked, accepted, expected):
    assert expected == chosen(asked, accepted)


def test_the_language_of_the_browser_is_the_pages(street):
    assert '<html lang="nl">' in get(street, MONTH, **{"accept-language": "nl"}).text
    assert "Balance now" in get(street, MONTH, **{"accept-language": "en"}).text


def test_accounts_that_are_nobodys_are_on_the_first_page(street):
    street.open_accounts()
    shown = get(street, "/parts").text
    assert '<span class="soft">pool</span>' in shown
    assert '<a class="big" href="/member/bram">bram</a>' in shown


def test_a_statement_is_taken_along_as_json_csv_and_workbook(street):
    path = "/member/noor/statement.{}?period=2026-06&lang=nl"
    told = json.loads(get(street, path.format("json")).content)
    assert ({"ENERGY": "0.750000"}, "0.750000") == (
        told["booked"]["closing"], told["event"]["sums"]["ENERGY"],
    )  # fmt: skip
    csv = get(street, path.format("csv"))
    assert 'attachment; filename="noor-2026-06.csv"' == csv.headers["content-disposition"]
    assert [
        "\ufeffboeking;dag;wat;bedrag;eenheid;saldo;opmerking",
        ";2026-06-01;beginsaldo;;ENERGY;0,000000;",
        "1;2026-06-21 12:00;sun 2026-06-21;1,000000;ENERGY;1,000000;",
        "2;2026-06-21 12:00;overdracht;-0,250000;ENERGY;0,750000;noor gaf bram 0,25 ENERGY",
    ] == csv.text.split("\r\n")[:4]
    book = openpyxl.load_workbook(io.BytesIO(get(street, path.format("xlsx")).content))
    assert ["Verdiend", "Geboekt"] == book.sheetnames
    assert ["2026-06-21", "sun", "1-0:2.8.1", "3 kWh", 1, "ENERGY"] == [
        cell.value for cell in book["Verdiend"][2]
    ][:6]


def test_a_proof_is_taken_along(street):
    file = get(street, "/proof/1")
    assert 'attachment; filename="booking-1.proof"' == file.headers["content-disposition"]
    assert proofs.check(proofs.read(file.text), key("log").public)


@pytest.mark.parametrize(
    "path",
    [
        "/member/nobody",
        "/member/pool",
        "/member/noor?month=june",
        "/member/noor?month=9999-12",
        "/member/noor/statement.csv?period=june",
        "/member/nobody/statement.csv?period=2026",
        "/proof/99",
        f"/proof/{2**70}",
        "/proof/-1",
    ],
)
def test_what_is_not_there_is_not_found(street, path):
    assert 404 == get(street, path).status_code


def test_bars_are_as_high_as_their_amounts_and_hang_below_the_line_for_charges():
    """Most 0.3 is drawn on 0.5, least -0.2 on -0.2: of 114 units 81.4 are above the line."""
    chart = draw(
        "WASTE",
        ["2026-06-01", "2026-06-02"],
        {"2026-06-01": Decimal("0.3"), "2026-06-02": Decimal("-0.2")},
    )
    up, down = chart.bars
    assert (93.4, 93.4) == (round(chart.zero_y, 1), round(down.y, 1))
    assert (48.9, 32.6, "plus", "minus") == (
        round(up.height, 1), round(down.height, 1), up.kind, down.kind,
    )  # fmt: skip
    assert ["-0.2", "0", "0.5"] == [row.text for row in chart.rows]
