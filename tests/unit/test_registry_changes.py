"""A registry edit derives anew what it may change and nothing else, and `verify` is content."""

import pytest

from ledger_bridge.books.facts.derive import Derivation
from ledger_bridge.books.registry.edits import (
    AccountOpened,
    CardGiven,
    CountsDecided,
    GatewayAdmitted,
    LimitSet,
    MemberAdded,
    MemberLeft,
    MeterFitted,
)
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

QUARTERS = 6


@pytest.fixture
def street(tmp_path):
    """Meters at two homes, and at a third place that belongs to the point of the first."""
    street = Street(tmp_path)
    street.edit(
        *(GatewayAdmitted(name, key(name).public.x) for name in ("away", "shed")),
        MeterFitted("away", "hall", "", "bram", 0),
        MeterFitted("home", "roof", "", "noor", 0, point="ean-1"),
        MeterFitted("shed", "wall", "", "noor", 1, point="ean-1"),
    )
    for gateway, device in (("home", "hall"), ("away", "hall"), ("shed", "wall")):
        chain = Chain(gateway)
        for n in range(QUARTERS):
            at_ms = MIDNIGHT_MS + n * QUARTER_MS
            street.take(gateway, chain.quarter(at_ms, export_wh=n * 300, device=device))
    return street


@pytest.fixture
def derived(monkeypatch):
    """Of which gateways meters were derived anew."""
    found = set()
    again = Derivation._again

    def noted(self, meter, *rest, **more):
        found.add(meter[0])
        return again(self, meter, *rest, **more)

    monkeypatch.setattr(Derivation, "_again", noted)
    return found


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (MemberAdded("sanne", "acc-sanne"), set()),
        (GatewayAdmitted("third", key("third").public.x), set()),
        (AccountOpened("acc-pool", "pool", "pool"), set()),
        (LimitSet("noor", "ENERGY", -5, None, "agreed"), set()),
        (CardGiven("c" * 64, "noor"), set()),
        (MeterFitted("away", "hall", "", "noor", MIDNIGHT_MS + 3 * QUARTER_MS), {"away"}),
        (MeterFitted("home", "hall", "E1", "bram", 1), {"home", "shed"}),
        (
            CountsDecided("away", "hall", "", "E1", 0, NOON_MS, is_accepted=False, reason="odd"),
            {"away"},
        ),
        (MemberLeft("bram", MIDNIGHT_MS + 2 * QUARTER_MS), {"away"}),
        (MemberLeft("noor", MIDNIGHT_MS + 2 * QUARTER_MS), {"home", "shed"}),
    ],
    ids=[
        "a member",
        "a gateway",
        "an account",
        "a limit",
        "a card",
        "a fit",
        "a fit of a gateway that shares its point",
        "a decision",
        "a leaving",
        "a leaving of somebody with several meters",
    ],
)
def test_an_edit_derives_what_it_may_change_and_nothing_else(street, derived, edit, expected):
    street.edit(edit)
    assert expected == derived
    while street.community.settle(NOON_MS):
        pass
    verify(street.community.db, ID, log_key=key("log").public, progress=str)
