"""What a point's own records say is what the books read of them."""

from gateway.contract import record as records
from gateway.contract.record import CONTAINER, CORRECTION, DEPOSIT, REFUSAL, TEST_WEIGHT
from gateway.contract.signed import parse
from gateway.kiosk import events
from gateway.kiosk import records as kiosk
from ledger_bridge.books.facts.waste import waste_fact
from tests.street import NOON_MS, Chain

WEIGHT = events.Weight(
    net_mg=6_500_000,
    gross_mg=8_000_000,
    tare_mg=1_500_000,
    steady="yes",
    serial="B1",
    alibi="00012",
    raw=b"S S 6.500 kg",
)
MADE = kiosk.Made(deposit="d1", claim="c1", division_mg=5_000, at_ms=NOON_MS)
BAG = events.Deposit(
    fraction="glass",
    card="k1",
    club="bram",
    net_mg=5_000_000,
    pieces=None,
    weight=WEIGHT,
    times=3,
    crate="blue",
    crate_mg=1_500_000,
    by_operator=True,
)


def fact(typ, elements):
    data = Chain("point").record(elements, made_ms=NOON_MS, typ=typ)
    found = waste_fact(records.read(parse(data)))
    assert ("point", "evidence-000000000001", 1) == found[:3]
    return found


def test_a_deposit_is_read_with_all_that_the_point_said():
    found = fact(DEPOSIT, kiosk.deposit(BAG, MADE, scale="scale"))
    assert {
        "id": "d1",
        "at_ms": NOON_MS,
        "boot": "boot",
        "mono_ms": 1,
        "card": "k1",
        "claim": "c1",
        "club": "bram",
        "fraction": "glass",
        "unit": "kg",
        "amount": 5_000_000,
        "by_operator": True,
        "crate": "blue",
        "crate_mg": 1_500_000,
        "device": "scale",
        "serial": "B1",
        "scale_record": "B1 00012",
        "gross_mg": 8_000_000,
        "division_mg": 5_000,
    } == dict(list(found._asdict().items())[3:])


def test_pieces_are_read_without_a_scale():
    lamps = BAG._replace(fraction="lamps", net_mg=None, pieces=7, weight=None, crate="", club="")
    found = fact(DEPOSIT, kiosk.deposit(lamps, MADE, scale="scale"))
    assert ("piece", 7_000, NOON_MS, "", "", None) == (
        found.unit,
        found.amount,
        found.at_ms,
        found.scale_record,
        found.club,
        found.gross_mg,
    )


def test_a_scale_without_a_number_is_known_by_its_place():
    bag = BAG._replace(weight=WEIGHT._replace(serial=""))
    found = fact(DEPOSIT, kiosk.deposit(bag, MADE, scale="scale"))
    assert "point/scale 00012" == found.scale_record


def test_corrections_containers_weights_and_refusals_are_read():
    taken_back = kiosk.correction("d1", fraction="", by="member", reason="mine")
    found = fact(CORRECTION, taken_back)
    assert ("d1", NOON_MS, "", "member", "mine") == (
        found.deposit,
        found.at_ms,
        found.fraction,
        found.by,
        found.reason,
    )
    emptied = kiosk.container("glass", event="emptied", emptying="e1", hauled_mg=None)
    assert (NOON_MS, "glass", "emptied", "e1", None) == fact(CONTAINER, emptied)[3:]
    hauled = kiosk.container("glass", event="hauled", emptying="e1", hauled_mg=7)
    assert (NOON_MS, "glass", "hauled", "e1", 7) == fact(CONTAINER, hauled)[3:]
    tried = kiosk.test_weight(6_500_000, WEIGHT, scale="scale", division_mg=5_000, at_ms=NOON_MS)
    assert (NOON_MS, "scale", "B1", 6_500_000, 6_500_000, 5_000) == fact(TEST_WEIGHT, tried)[3:]
    refused = kiosk.refusal(events.Refused("mixed", "glass", 7_000_000), scale="scale")
    assert (NOON_MS, "mixed", "glass", 7_000_000) == fact(REFUSAL, refused)[3:]


def test_a_reason_is_a_sentence_and_no_more():
    told = kiosk.correction("d1", fraction="", by="operator", reason="x" * 201)
    assert "x" * 200 == fact(CORRECTION, told).reason
    refused = kiosk.refusal(events.Refused("y" * 201, "", None), scale="scale")
    assert "y" * 200 == fact(REFUSAL, refused).reason
