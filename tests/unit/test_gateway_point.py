"""The recycling point: what devices and people do becomes records, once, whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.reading import Fault, Message, Reading
from gateway.contract import cards, record
from gateway.contract.keys import unb64
from gateway.contract.record import CORRECTION, DEPOSIT, REFUSAL
from gateway.contract.signed import digest
from gateway.journal import Journal
from gateway.kiosk.events import (
    Cancel,
    Choose,
    Confirm,
    ForClub,
    NoCard,
    OutOfRange,
    Pieces,
    Undo,
    Unreadable,
    UseCrate,
    Weight,
)
from gateway.kiosk.heard import Taps, Tare, weight_of
from tests.kiosk import BO, BRIDGE, CARD_KEY, KEY, NOOR, RULES, Bench, paper, said


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def told(kept: record.Record) -> dict[str, str]:
    """The elements of a record by name, as text."""
    return {
        one.n: one.vs or (f"{bytes(one.v).decode()} {one.u}" if bytes(one.v) else "")
        for one in kept.elements
    }


def test_a_deposit_is_one_record_with_all_that_was_weighed(bench: Bench) -> None:
    deposit = bench.deposit(3_250_000)
    (kept,) = bench.records()
    by_name = {one.n: one for one in kept.elements}
    slip = bench.point.view().slip
    assert slip
    assert kept.typ == "mk-deposit-v1"
    assert {
        "scale/gross": "3250 g",
        "scale/tare": "0 g",
        "scale/net": "3250 g",
        "scale/telegram": "",
        "kiosk/net": "3250 g",
        "kiosk/deposit": deposit,
        "kiosk/fraction": "glass",
        "kiosk/card": cards.token(NOOR, CARD_KEY),
        "kiosk/claim": cards.claim(slip.code, CARD_KEY),
        "kiosk/times": "4 count",
        "kiosk/division": "5 g",
    } == told(kept)
    assert unb64(by_name["scale/telegram"].vd) == b"S S 3250000 mg\r\n"
    assert by_name["scale/net"].serial == "B4271"
    assert bytes(by_name["kiosk/net"].t) == b"0"


def test_a_crate_a_club_and_no_card_stand_in_the_record(bench: Bench) -> None:
    bench.weigh(0)
    bench.act(UseCrate("blue"), Choose("glass"), ForClub("vv-dorp"))
    bench.weigh(4_000_000)
    bench.act(Confirm())
    (kept,) = bench.records(DEPOSIT)
    said_ = told(kept)
    assert (said_["scale/net"], said_["kiosk/net"]) == ("4000 g", "2500 g")
    assert (said_["kiosk/crate"], said_["kiosk/crate-tare"]) == ("blue", "1500 g")
    assert (said_["kiosk/club"], said_["kiosk/card"]) == ("vv-dorp", "")


def test_a_scale_that_never_says_steady_is_doubted_in_the_record(bench: Bench) -> None:
    bench.weigh(0, times=20, doubt="unjudged")
    bench.act(Choose("glass"), NoCard())
    bench.weigh(3_000_000, times=20, doubt="unjudged")
    bench.act(Confirm())
    (kept,) = bench.records(DEPOSIT)
    assert {one.doubt for one in kept.elements if one.n in {"scale/gross", "scale/net"}} == {
        "unjudged"
    }


def test_pieces_are_counted_and_not_weighed(bench: Bench) -> None:
    bench.weigh(0)
    bench.act(Choose("lamps"), Pieces(3), NoCard(), Confirm())
    (kept,) = bench.records(DEPOSIT)
    said_ = told(kept)
    assert said_["kiosk/pieces"] == "3 count"
    assert not {"kiosk/net", "scale/net", "kiosk/times"} & said_.keys()
    slip = bench.point.view().slip
    assert slip
    assert (slip.pieces, slip.net_mg) == (3, None)
    assert bench.point.view().about == "0.300"


def test_the_cards_number_is_nowhere_on_the_disk_or_on_the_screen(bench: Bench) -> None:
    bench.deposit()
    assert NOOR not in f"{bench.point.view()} {bench.point.deposits()} {bench.point.health()}"
    bench.journal.close()
    assert not any(NOOR.encode() in path.read_bytes() for path in bench.folder.iterdir())
    bench.open()


def test_a_card_held_at_the_reader_is_one_tap(bench: Bench) -> None:
    bench.weigh(0)
    bench.act(Choose("glass"))
    bench.weigh(3_000_000)
    bench.tap()
    for _ in range(20):
        bench.tap(after_ms=999)
    assert len(bench.records(DEPOSIT)) == 1
    assert bench.point.view().word == "take_off"


def test_a_card_that_stays_is_a_new_tap_only_after_a_second_without_it() -> None:
    taps = Taps()
    noor, bo = (Message(0, b"", (Reading("card", number),)) for number in (NOOR, BO))
    heard = [
        taps.hear(message, now_ms=now_ms)
        for message, now_ms in ((noor, 0), (noor, 999), (noor, 1_998), (noor, 2_998), (bo, 2_999))
    ]
    assert heard == [[NOOR], [], [], [NOOR], [BO]]


def test_any_reader_tells_a_card_and_a_text_is_the_same_in_small_letters(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap("mk-77-ab")
    bench.tap(" MK-77-AB ", reader="qr")
    bench.tap("MK-77-AB", reader="hall")
    assert bench.point.session.draft.card == cards.token("MK-77-AB", CARD_KEY)
    assert bench.point.view().screen == "put"


def test_two_cards_at_two_readers_are_two_cards(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap(NOOR)
    bench.tap(BO, reader="qr")
    assert bench.point.view().word == "two_cards"


# The slip


def test_the_slip_says_kept_then_sent_then_what_the_hub_said(bench: Bench) -> None:
    deposit = bench.deposit()
    states = [bench.point.view().slip]
    (chain,) = [one for one in bench.journal.chains() if one.kind == "evidence"]
    last = bench.journal.records(chain.chain, start=1, limit=1)[0]
    bench.journal.receipt(chain.chain, 1, digest(last))
    states.append(bench.point.view().slip)
    bench.point.new_credit(said(deposit, state="credited", amount="0.162500", asset="WASTE"))
    states.append(bench.point.view().slip)
    bench.point.new_credit(said(deposit, state="held", nl="wacht", en="waits"))
    states.append(bench.point.view().slip)
    assert [one and (one.state, one.amount, one.asset, one.nl, one.en) for one in states] == [
        ("kept", "", "", "", ""),
        ("sent", "", "", "", ""),
        ("credited", "0.162500", "WASTE", "", ""),
        ("held", "", "", "wacht", "waits"),
    ]


def test_a_forged_credit_is_counted_and_shown_nowhere(bench: Bench) -> None:
    deposit = bench.deposit()
    for forged in (
        said(deposit, key=KEY, state="credited", amount="9"),
        said(deposit, gateway="other", state="credited", amount="9"),
        said(deposit, community="y", state="credited", amount="9"),
        b"nonsense",
        b"",
    ):
        bench.point.new_credit(forged)
    assert bench.point.health()["credits_forged"] == 5
    slip = bench.point.view().slip
    assert slip
    assert (slip.state, slip.amount) == ("kept", "")


def test_the_point_says_whether_the_hub_can_be_reached(bench: Bench) -> None:
    assert bench.point.view().link == "down"
    bench.point.is_linked = lambda: True
    assert bench.point.view().link == "up"


def test_every_deposit_has_a_code_of_its_own_that_outlives_a_power_cut(bench: Bench) -> None:
    codes = set()
    for net_mg in (3_000_000, 4_000_000):
        bench.deposit(net_mg)
        codes |= {one.code for one in bench.point.deposits()}
    bench.power_cut()
    assert {one.code for one in bench.point.deposits()} == codes
    assert len(codes) == 2
    for code in codes:
        assert len(code) == 9
        assert code[4] == "-"
        assert not set(code.replace("-", "")) - set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


@pytest.mark.parametrize(
    ("net_mg", "about"),
    [(3_425_000, "0.171"), (19_990_000, "0.999"), (50_000, "0.002")],
)
def test_about_is_rounded_down(bench: Bench, net_mg: int, about: str) -> None:
    bench.weigh(0)
    bench.act(Choose("glass"))
    bench.weigh(net_mg)
    view = bench.point.view()
    assert (view.about, view.asset) == (about, "WASTE")


def test_what_earns_nothing_is_about_nothing(bench: Bench) -> None:
    bench.weigh(0)
    bench.act(Choose("paper"))
    bench.weigh(3_000_000)
    assert (bench.point.view().about, bench.point.view().asset) == ("", "")


# Undo and refusal


def test_a_deposit_taken_back_is_a_correction_by_the_member(bench: Bench) -> None:
    deposit = bench.deposit()
    bench.act(Undo())
    (kept,) = bench.records(CORRECTION)
    assert told(kept) == {
        "kiosk/deposit": deposit,
        "kiosk/fraction": "",
        "kiosk/by": "member",
        "kiosk/reason": "undone",
    }
    view = bench.point.view()
    assert view.slip
    assert (view.slip.state, view.can_undo) == ("withdrawn", False)
    bench.act(Undo())
    assert len(bench.records(CORRECTION)) == 1


def test_a_refusal_is_written_down_of_nobody_with_the_next_group(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap()
    bench.act(Choose("paper"))
    bench.weigh(20_005_000)
    bench.act(Confirm())
    assert bench.point.view().word == "too_much"
    assert bench.records() == []
    assert bench.journal.is_due(bench.now_ms + 2_000)
    bench.deposit()
    (kept,) = bench.records(REFUSAL)
    assert told(kept) == {
        "kiosk/reason": "too_much",
        "kiosk/fraction": "paper",
        "scale/gross": "20005 g",
    }
    assert bench.point.health()["refusals"] == {"too_much": 1}


def test_a_scale_that_is_unplugged_in_the_middle_is_a_refusal(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap()
    bench.weigh(3_000_000)
    bench.point.lost("reader")
    assert bench.point.view().screen == "what"
    bench.point.lost("scale")
    assert bench.point.view().word == "scale_gone"
    assert bench.point.health()["refusals"] == {"scale_gone": 1}


# Power cuts


class PowerCut(Exception):
    pass


def cut(*_: object, **__: object) -> None:
    raise PowerCut


def on_the_brink(bench: Bench) -> None:
    """All is there but the member's last act."""
    bench.weigh(0)
    bench.tap()
    bench.act(Choose("glass"))
    bench.weigh(3_250_000)
    bench.wait(1_000)


def before_append(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "append", cut)


def before_commit(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "commit", cut)


def in_the_transaction(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Records are in, the container is not, and nothing is committed."""
    bench.journal.beside("no such statement")


def after_commit(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    bench.journal.on_commit = cut


@pytest.mark.parametrize(
    ("when", "count"),
    [(before_append, 0), (before_commit, 0), (in_the_transaction, 0), (after_commit, 1)],
)
def test_a_power_cut_loses_nothing_accepted_and_doubles_and_invents_nothing(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    when: Callable[[Bench, pytest.MonkeyPatch], None],
    count: int,
) -> None:
    on_the_brink(bench)
    with monkeypatch.context() as patch:
        when(bench, patch)
        with pytest.raises(Exception, match=r"^$|syntax error"):
            bench.point.take(Confirm())
        assert bench.point.view().screen != "slip"
    bench.power_cut()
    assert len(bench.records(DEPOSIT)) == count
    assert sum(one.delivered_mg for one in bench.point.containers()) == count * 3_250_000
    view = bench.point.view()
    assert (view.screen, view.word) == (("slip", "last") if count else ("closed", "scale_silent"))
    # The bag still lies there, and its owner tries again.
    bench.weigh(3_250_000)
    bench.act(Choose("glass"), NoCard(), Confirm())
    bench.tap()
    assert len(bench.records(DEPOSIT)) == count
    assert len(bench.point.deposits()) == count


def test_after_a_restart_the_last_deposit_is_shown_until_the_scale_is_empty(bench: Bench) -> None:
    deposit = bench.deposit()
    code = bench.point.deposits()[0].code
    bench.power_cut()
    bench.weigh(3_250_000)
    view = bench.point.view()
    assert view.slip
    assert (view.screen, view.slip.deposit, view.slip.code) == ("slip", deposit, code)
    bench.weigh(0)
    bench.wait(30_000)
    bench.weigh(0)
    assert bench.point.view().screen == "put"


def test_after_a_restart_a_deposit_can_be_taken_back_within_its_five_minutes(bench: Bench) -> None:
    bench.deposit()
    bench.power_cut(off_ms=200_000)
    view = bench.point.view()
    assert view.slip
    assert (view.can_undo, view.slip.undo_s) == (True, 100)
    bench.act(Undo())
    bench.power_cut()
    assert bench.point.deposits()[0].now == ""
    assert bench.point.view().slip is None


def test_an_old_deposit_is_not_shown_after_a_restart(bench: Bench) -> None:
    bench.deposit()
    bench.power_cut(off_ms=600_001)
    assert bench.point.view().slip is None


def test_who_does_not_know_the_time_shows_the_last_deposit_and_takes_none_back(
    bench: Bench,
) -> None:
    bench.deposit(3_000_000)
    last = bench.deposit(4_000_000)
    bench.utc_ms = None
    bench.power_cut()
    view = bench.point.view()
    assert view.slip
    assert (view.slip.deposit, view.can_undo) == (last, False)
    assert [past.deposit for past in bench.point.session.recent] == [last]


def test_who_does_not_know_the_time_shows_nothing_where_the_last_deposit_was_taken_back(
    bench: Bench,
) -> None:
    bench.deposit(3_000_000)
    bench.deposit(4_000_000)
    bench.act(Undo())
    bench.utc_ms = None
    bench.power_cut()
    assert bench.point.session.recent == ()


def test_a_deposit_without_a_clock_is_kept_without_a_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.utc_ms = None
    bench.deposit()
    (kept,) = bench.records(DEPOSIT)
    assert kept.identity.made_ms is None
    assert all(bytes(one.t) == b"" for one in kept.elements)
    assert [one.at_ms for one in bench.point.deposits()] == [None]
    bench.journal.close()


# What a scale says


def mass(register: str, mg: int, doubt: str = "") -> Reading:
    return Reading(register, mg, "mg", doubt=doubt)


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        (Message(0, b"x", (mass("net", 5),)), Weight(5, 5, 0, "yes", raw=b"x")),
        (Message(0, b"x", (mass("net", 5, "unchecked"),)), Weight(5, 5, 0, "yes", raw=b"x")),
        (Message(0, b"x", (mass("net", 5, "unstable"),)), Weight(5, 5, 0, "no", raw=b"x")),
        (
            Message(0, b"x", (mass("net", 5, "unchecked unjudged"),)),
            Weight(5, 5, 0, "unjudged", raw=b"x"),
        ),
        (
            Message(0, b"x", (mass("gross", 9, "unstable"), mass("net", 9, "unjudged"))),
            Weight(9, 9, 0, "no", raw=b"x"),
        ),
        (Message(0, b"", (mass("gross", 9), mass("tare", 4))), Weight(5, 9, 4, "yes")),
        (Message(0, b"", (mass("net", 5), mass("tare", 4))), Weight(5, 9, 4, "yes")),
        (Message(0, b"", (mass("net", 5), mass("gross", 9))), Weight(5, 9, 4, "yes")),
        (
            Message(
                0, b"", (Reading("alibi", "00123-000456"), mass("net", 5)._replace(serial="B4"))
            ),
            Weight(5, 5, 0, "yes", serial="B4", alibi="00123-000456"),
        ),
        (Message(0, b"", (), (Fault("over", 0, 5),)), OutOfRange("over")),
        (Message(0, b"", (), (Fault("noise", 0, 5), Fault("under", 0, 5))), OutOfRange("under")),
        (Message(0, b"", (), (Fault("unit", 0, 5),)), Unreadable("unit")),
        (Message(0, b"", (), (Fault("unzeroed", 0, 5),)), Unreadable("unzeroed")),
        (Message(0, b"", (), (Fault("checksum", 0, 5),)), None),
        (Message(0, b"", (), (Fault("noise", 0, 5),)), None),
        (Message(0, b"", (), (Fault("overrun", 0, 5),)), None),
        (Message(0, b"", (), (Fault("pattern", 0, 5),)), None),
        (Message(0, b"", (mass("tare", 5),)), None),
        (Message(0, b"", (Reading("net", 5, "piece"),)), None),
    ],
)
def test_what_a_scale_says(
    message: Message, meant: Weight | OutOfRange | Unreadable | None
) -> None:
    assert weight_of(message, Tare()) == meant


def test_a_tare_that_is_told_now_and_then_goes_with_every_net_weight() -> None:
    tare, seen = Tare(), []
    for readings in (
        (mass("net", 50),),
        (mass("tare", 40),),
        (mass("net", 50),),
        (mass("gross", 70), mass("tare", 20), mass("net", 50)),
        (mass("net", 30),),
        (mass("gross", 60), mass("net", 50)),
        (mass("net", 50),),
    ):
        weight = weight_of(Message(0, b"", readings), tare)
        tare = tare.after(Message(0, b"", readings))
        seen.append(isinstance(weight, Weight) and (weight.gross_mg, weight.tare_mg))
    assert seen == [(50, 0), False, (90, 40), (70, 20), (50, 20), (60, 10), (60, 10)]


def test_a_net_weight_of_a_scale_that_shows_gross_and_tells_no_tare_is_no_weight(
    bench: Bench,
) -> None:
    for reading, shown in (
        (mass("gross", 0), ("put", "put")),
        (mass("gross", 3_000_000), ("what", "what")),
        (mass("net", 0), ("refused", "tare")),  # the tare key, with the bag on it
        (mass("gross", 3_000_000), ("refused", "tare")),
    ):
        for _ in range(8):
            bench.wait(250)
            bench.point.hear("scale", Message(0, b"", (reading,)))
        view = bench.point.view()
        assert (view.screen, view.word) == shown


def test_a_line_that_was_lost_has_told_no_tare(bench: Bench) -> None:
    bench.point.hear("scale", Message(0, b"", (mass("tare", 40), mass("net", 0))))
    bench.point.lost("scale")
    bench.point.hear("scale", Message(0, b"", (mass("net", 50),)))
    weight = bench.point.session.plate.weight
    assert weight
    assert (weight.gross_mg, weight.tare_mg) == (50, 0)


def test_a_tare_that_somebody_left_on_the_empty_scale_is_cleared(bench: Bench) -> None:
    words: list[str] = []
    bench.point.tell_scale = lambda word: words.append(word) is None
    left = (mass("gross", 0), mass("tare", 2_000_000), mass("net", -2_000_000))
    gone = (mass("gross", 0), mass("tare", 0), mass("net", 0))
    for second, readings in enumerate([left] * 12 + [gone] * 12):
        for _ in range(4):
            bench.wait(250)
            bench.point.hear("scale", Message(0, b"", readings))
        bench.point.tick()
        assert words == ["zero"] * (1 + (second >= 10))


def test_a_tare_under_a_load_is_left_alone(bench: Bench) -> None:
    words: list[str] = []
    bench.point.tell_scale = lambda word: words.append(word) is None
    crate = (mass("gross", 2_000_000), mass("tare", 2_000_000), mass("net", 0))
    for _ in range(8):
        bench.wait(250)
        bench.point.hear("scale", Message(0, b"", crate))
        bench.point.tick()
    assert words == []


# Rules that change


def test_rules_that_change_under_way_count_at_once(bench: Bench) -> None:
    bench.weigh(0)
    bench.act(Choose("glass"))
    bench.point.new_policy(paper(RULES.replace("glass", "bottles").replace("06-01", "06-02")))
    bench.weigh(0)
    assert bench.point.view().word == "not_offered"
    bench.act(Cancel(), Choose("bottles"))
    assert bench.point.view().fraction == "bottles"


def test_the_bridges_key_signs_no_rules(bench: Bench) -> None:
    bench.point.new_policy(paper(RULES.replace("06-01", "06-02"), key=BRIDGE))
    assert (bench.point.health()["policy"], bench.point.health()["policies_refused"]) == (
        "2026-06-01",
        1,
    )


def test_after_a_power_cut_the_same_bag_out_of_its_crate_is_not_taken_again(bench: Bench) -> None:
    bench.weigh(0)
    bench.tap()
    bench.act(Choose("glass"), UseCrate("blue"))
    bench.weigh(4_750_000)
    bench.act(Confirm())
    bench.power_cut()
    bench.weigh(0)
    bench.tap(BO)
    bench.act(Choose("glass"))
    bench.weigh(4_750_000, times=8)
    assert ("refused", "same_bag") == (bench.point.view().screen, bench.point.view().word)
    assert 1 == len(bench.records(DEPOSIT))
