"""Every kind of act in a sentence that a member can read, in English and in Dutch."""

import pytest

from ledger_bridge.books.acts.requests import (
    Cancel,
    Close,
    Donate,
    Exchange,
    Post,
    Reserve,
    Retire,
    Reverse,
    Transfer,
    Void,
    WriteOff,
)
from ledger_bridge.books.registry.edits import LimitSet
from ledger_bridge.books.telling.why import why
from tests.market import HOUR_MS, Market
from tests.street import ID, NOON_MS

END_MS = NOON_MS + HOUR_MS
RESERVE = Reserve("noor", "bram", "ENERGY", 250, END_MS)


@pytest.fixture
def market(tmp_path):
    """Bookings 3 and 4 fill the pool; in 5 noor reserves, in 6 bram comes to owe 0.5 ENERGY."""
    market = Market(tmp_path, pool=(300, 1_000))
    market.act(RESERVE, "reserve")
    market.edit(LimitSet("bram", "ENERGY", -50, None, "as agreed"))
    market.act(Transfer("bram", "noor", "ENERGY", 50), "owe")
    return market


def told(market: Market, booking: int) -> tuple[str, str]:
    here = market.community
    act = why(here.db, ID, booking, registry=here.registry, policies=here.policies)["act"]
    return act["sentence"], act["zin"]


@pytest.mark.parametrize(
    ("act", "sentence", "zin"),
    [
        (
            Transfer("noor", "bram", "ENERGY", 150),
            "noor gave bram 1.5 ENERGY",
            "noor gaf bram 1,5 ENERGY",
        ),
        (
            Donate("noor", "pool", "ENERGY", 150),
            "noor gave 1.5 ENERGY to pool",
            "noor schonk 1,5 ENERGY aan pool",
        ),
        (
            Exchange("bram", "to-energy", 1_500),
            "bram exchanged 1.5 WASTE for 0.5 ENERGY, through pool at 1/3",
            "bram ruilde 1,5 WASTE voor 0,5 ENERGY, via pool, koers 1/3",
        ),
        (
            RESERVE,
            "2.5 ENERGY of noor is set apart for bram until 2026-06-21 13:00",
            "2,5 ENERGY van noor staat klaar voor bram tot 2026-06-21 13:00",
        ),
        (
            Post(5),
            "bram got 2.5 ENERGY of the 2.5 ENERGY that noor had set apart",
            "bram kreeg 2,5 ENERGY van de 2,5 ENERGY die noor klaarzette",
        ),
        (
            Post(5, 50),
            "bram got 0.5 ENERGY of the 2.5 ENERGY that noor had set apart",
            "bram kreeg 0,5 ENERGY van de 2,5 ENERGY die noor klaarzette",
        ),
        (
            Void(5),
            "2.5 ENERGY set apart for bram went back to noor",
            "2,5 ENERGY die klaarstond voor bram ging terug naar noor",
        ),
        (
            Retire("noor", "ENERGY", 1),
            "noor gave back 0.01 ENERGY for good",
            "noor leverde 0,01 ENERGY in",
        ),
        (
            Cancel("noor", "ENERGY", 100, "kerkwijk 12.5"),
            "1 ENERGY of noor left this book: kerkwijk 12.5",
            "1 ENERGY van noor verliet dit boek: kerkwijk 12.5",
        ),
        (
            Reverse(6, "a mistake"),
            "booking 6 was reversed: a mistake",
            "boeking 6 is teruggedraaid: a mistake",
        ),
        (
            WriteOff("bram", "ENERGY", "pool", "moved away"),
            "pool paid the 0.5 ENERGY that bram owed: moved away",
            "pool betaalde de 0,5 ENERGY die bram schuldig was: moved away",
        ),
    ],
    ids=lambda case: type(case).__name__ if not isinstance(case, str) else "",
)
def test_an_act_is_told_in_both_languages(market, act, sentence, zin):
    assert (sentence, zin) == told(market, market.act(act, "k"))


def test_what_expired_is_told(market):
    market.community.expire(END_MS)
    assert (
        "bram did not get 2.5 ENERGY in time, it went back to noor",
        "bram kreeg 2,5 ENERGY niet op tijd, het ging terug naar noor",
    ) == told(market, 7)


def test_a_close_is_told(market):
    booking = market.act(Close("2026-06-21"), "k", now_ms=NOON_MS + 24 * HOUR_MS)
    assert ("2026-06-21 was closed", "2026-06-21 is afgesloten") == told(market, booking)
