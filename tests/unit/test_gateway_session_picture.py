"""What a deposit session puts on the screen: its order, its ring, its sentences."""

import re

import pytest

from gateway.kiosk.events import Choose, Unreadable, UseCrate
from gateway.kiosk.picture import view_of
from gateway.kiosk.sentences import SENTENCES
from gateway.kiosk.standing import Session
from tests.told import (
    BAG,
    BAG_MG,
    BY_CLOCK,
    EMPTY,
    GLASS,
    NOOR,
    NOORS_BAG,
    TERMS,
    lies,
    tell,
    waits,
    weight,
)


@pytest.mark.parametrize(
    ("steps", "screen", "word"),
    [
        ([], "put", "put"),
        ([NOOR], "put", "put"),
        ([NOOR, GLASS], "put", "put"),
        ([lies(BAG_MG, times=2)], "put", "settling"),
        ([lies(BAG_MG, steady="no")], "put", "settling"),
        ([BAG], "what", "what"),
        ([NOOR, BAG], "what", "what"),
        ([Choose("lamps")], "what", "how_many"),
        ([BAG, GLASS], "whose", "whose"),
        ([NOOR, GLASS, BAG], "put", "confirm"),
    ],
    ids=str,
)
def test_the_screen_asks_for_what_is_missing_first(steps, screen: str, word: str) -> None:
    assert (screen, word) == tell(EMPTY, steps).view[:2]


def test_the_ring_closes_as_the_weight_settles() -> None:
    rings = [tell(EMPTY, lies(BAG_MG, times=n)).view.steady_pct for n in range(5)]
    assert [0, 0, 62, 100, 100] == rings


def test_the_ring_of_a_scale_judged_by_the_clock_takes_three_seconds() -> None:
    empty = waits(3_500, weight(0))
    rings = [
        tell(empty, lies(BAG_MG, times=n, steady="no"), terms=BY_CLOCK).view.steady_pct
        for n in (1, 4, 7, 12, 13)
    ]
    assert [0, 25, 50, 91, 100] == rings


def test_the_weight_is_live_until_it_has_settled() -> None:
    swinging = tell(EMPTY, weight(BAG_MG + 700_000, steady="no"))
    assert BAG_MG + 700_000 == swinging.view.net_mg
    assert BAG_MG == tell(BAG, weight(BAG_MG + 5_000), start=swinging).view.net_mg
    assert 0 == tell(EMPTY, UseCrate("blue")).view.net_mg


def test_the_idle_reset_is_counted_down() -> None:
    assert None is tell(EMPTY).view.left_s
    assert 45 == tell(EMPTY, NOOR).view.left_s
    assert 40 == tell(EMPTY, NOOR, waits(5_000, weight(0))).view.left_s
    assert 45 == tell(EMPTY, NOOR, waits(5_000, weight(0)), BAG).view.left_s
    assert None is tell(NOORS_BAG).view.left_s


def test_keep_can_be_pressed_as_soon_as_it_is_shown() -> None:
    early = tell(EMPTY, NOOR, GLASS, BAG, 699)
    assert not early.view.can_confirm
    shown = view_of(early.session, terms=TERMS, now_ms=early.now_ms + 1)
    assert shown.can_confirm


def test_the_slip_says_what_was_kept() -> None:
    slip = tell(NOORS_BAG).view.slip
    assert ("d1", "glass", BAG_MG, None, "kept", 300) == (
        slip.deposit,
        slip.fraction,
        slip.net_mg,
        slip.pieces,
        slip.state,
        slip.undo_s,
    )


def test_a_new_session_waits_for_its_scale() -> None:
    assert ("closed", "scale_silent") == view_of(Session(), terms=TERMS, now_ms=0)[:2]


def test_a_weight_that_is_stale_is_not_shown() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG)
    later = view_of(told.session, terms=TERMS, now_ms=told.now_ms + 2_001)
    assert (None, 0, "put", False) == (
        later.net_mg,
        later.steady_pct,
        later.word,
        later.can_confirm,
    )


# Sentences

JARGON = re.compile(
    r"mint|ledger|posting|hash|merkle|token|claim|settle|grootboek|fractie|fraction|"
    r"record|session|sessie|gateway|bridge",
    re.IGNORECASE,
)


@pytest.mark.parametrize("word", SENTENCES, ids=str)
def test_every_sentence_is_short_whole_in_both_languages_and_no_jargon(word: str) -> None:
    for sentence in SENTENCES[word]:
        assert 90 >= len(sentence)
        assert sentence[0].isupper()
        assert sentence[-1] in ".?"
        assert None is JARGON.search(sentence)
    nl, en = SENTENCES[word]
    assert nl != en


@pytest.mark.parametrize("kind", ["anything", "scale-error"])
def test_a_scale_that_says_what_nobody_foresaw_has_a_sentence(kind: str) -> None:
    told = tell(EMPTY, NOOR, [Unreadable(kind)] * 90)
    assert ("closed", "unreadable") == told.view[:2]
    assert [kind] == told.refused()
