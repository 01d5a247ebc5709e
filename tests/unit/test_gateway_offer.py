"""The offer of a recycling point: the last good signed policy, and what a deposit may come to."""

from fractions import Fraction as Exact
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.settings import parse
from gateway.kiosk import offer
from gateway.kiosk.events import Club, Crate, Fraction
from gateway.kiosk.offer import Offered
from gateway.kiosk.paper import FILE, Paper
from gateway.kiosk.settings import KioskSettings
from tests.kiosk import BRIDGE, NOON, RULES, SETTINGS, STEWARD, paper

SETTINGS_READ = parse(SETTINGS, KioskSettings, name="kiosk")


def dated(day: str, *, change: tuple[str, str] = ("", "")) -> str:
    return RULES.replace(*change).replace("2026-06-01", day)


def kept_in(folder: Path) -> Paper:
    return Paper(folder, community="z", stewards=(BRIDGE.public.x, STEWARD.public.x))


def day_of(kept: Paper) -> str:
    return kept.rules.valid_from.isoformat() if kept.rules else ""


def test_fractions_clubs_and_rates_are_those_of_the_policy() -> None:
    rules = offer.read(RULES)
    assert rules.fractions == {
        "glass": Fraction("glass", "kg", "glas", "glass"),
        "paper": Fraction("paper", "kg", "papier", "paper", most=20_000_000),
        "lamps": Fraction("lamps", "piece", "lampen", "lamps"),
        "paint": Fraction("paint", "kg", "verf", "paint", by_operator=True),
    }
    shown = offer.offer(rules, SETTINGS_READ, full=frozenset({"paper"}))
    assert shown.fractions == (
        Offered("glass", "kg", "glas", "glass", by_operator=False, rate="0.05 WASTE / kg"),
        Offered("paper", "kg", "papier", "paper", by_operator=False, rate="", is_full=True),
        Offered("lamps", "piece", "lampen", "lamps", by_operator=False, rate="0.1 WASTE / piece"),
        Offered("paint", "kg", "verf", "paint", by_operator=True, rate=""),
    )
    assert shown.clubs == (Club("vv-dorp", "VV Dorp", "Village FC"),)
    assert shown.crates == (Crate("blue", 1_500_000, "blauwe krat", "blue crate"),)
    assert (shown.language, shown.closed) == ("nl", "")


def test_without_a_policy_nothing_can_be_chosen() -> None:
    shown = offer.offer(None, SETTINGS_READ, full=frozenset())
    assert (shown.fractions, shown.clubs, shown.closed) == ((), (), "no_rules")
    assert offer.terms(None, SETTINGS_READ).fractions == {}


def test_what_a_newer_policy_says_besides_is_no_matter() -> None:
    newer = RULES + '[[rules]]\nid = "x"\nrule = "new"\nasset = "WASTE"\nnews = { a = 1 }\n'
    newer = newer.replace('en = "glass"\n', 'en = "glass"\ncolour = "green"\n')
    assert offer.read(newer) == offer.read(RULES)


@pytest.mark.parametrize(
    ("rate", "scale", "net_mg", "about"),
    [
        ('credit = "0.05", per = "1 kg"', 6, 3_425_000, "0.171"),  # 0.17125
        ('credit = "0.05", per = "1 kg"', 2, 3_425_000, "0.17"),
        ('credit = "0.05", per = "1 kg"', 0, 3_425_000, "0"),
        ('credit = "1", per = "100 g"', 6, 5_000, "0.050"),
        ('credit = "1/3", per = "1 kg"', 6, 3_000_000, "1.000"),
        ('credit = "1/3", per = "1 kg"', 6, 2_999_000, "0.999"),  # 0.99966…
        ('credit = 2, per = "1 t"', 9, 1_000_000, "0.002"),
        ('credit = "0.05", per = "1 kg"', 6, -5_000, "0.000"),
    ],
)
def test_about_is_exact_and_rounded_down(rate: str, scale: int, net_mg: int, about: str) -> None:
    text = RULES.replace('credit = "0.05", per = "1 kg"', rate)
    rules = offer.read(text.replace("scale = 6", f"scale = {scale}"))
    assert rules.about("glass", net_mg=net_mg, pieces=None) == (about, "WASTE")


@given(net_mg=st.integers(0, 10**9), scale=st.integers(0, 9))
def test_about_never_says_more_than_the_hub_will(net_mg: int, scale: int) -> None:
    rules = offer.read(RULES.replace("scale = 6", f"scale = {scale}"))
    shown, _ = rules.about("glass", net_mg=net_mg, pieces=None)
    due = Exact(5, 100) * net_mg / 10**6 * 10**scale // 1 / Exact(10**scale)
    assert 0 <= due - Exact(shown) < Exact(1, 10 ** min(scale, 3))


def test_of_two_rules_the_first_that_pays_is_shown() -> None:
    more = '[[rules]]\nid = "b"\nrule = "waste_deposited"\nasset = "WASTE"\n'
    more += 'rates.glass = { credit = "9", per = "1 kg" }\n'
    more += 'rates.paint = { credit = "2", per = "1 kg" }\n'
    rules = offer.read(RULES + more)
    assert rules.about("glass", net_mg=10**6, pieces=None) == ("0.050", "WASTE")
    assert rules.about("paint", net_mg=10**6, pieces=None) == ("2.000", "WASTE")


@pytest.mark.parametrize(
    "change",
    [
        ("[fractions.glass]", "[fractions.glass"),
        ('unit = "kg"', 'unit = "lb"'),
        ('nl = "glas"\n', ""),
        ("operator = true", 'operator = "yes"'),
        ('most = "20 kg"', 'most = "twenty"'),
        ('per = "1 kg"', 'per = "0 kg"'),
        ('per = "1 kg"', 'per = "1 kWh"'),
        ('per = "1 kg"', 'per = "one kg"'),
        ('credit = "0.05"', 'credit = "much"'),
        ('credit = "0.05"', "credit = 0.05"),
        ('credit = "0.05"', 'credit = "1/0"'),
        ("[assets.WASTE]", "[assets.OTHER]"),
        ("Europe/Amsterdam", "Europe/Nowhere"),
        ("Europe/Amsterdam", "../../etc/passwd"),
        ("2026-06-01", '"soon"'),
        ('community = "z"', ""),
    ],
    ids=lambda change: change[1] or change[0],
)
def test_a_policy_that_makes_no_sense_is_counted_and_the_last_good_one_stays(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    kept = kept_in(tmp_path)
    assert kept.take(paper(dated("2026-06-01")), utc_ms=NOON)
    assert not kept.take(paper(dated("2026-06-02", change=change)), utc_ms=NOON)
    assert (day_of(kept), kept.refused) == ("2026-06-01", 1)
    assert day_of(kept_in(tmp_path)) == "2026-06-01"


@pytest.mark.parametrize(
    "forged",
    [
        paper(dated("2026-06-02"), key=BRIDGE).replace(b"Village", b"Pillage"),
        paper(dated("2026-06-02")).replace(b"0.05", b"5.00"),
        paper(dated("2026-06-02"), community="y"),
        paper(dated("2026-06-02", change=('community = "z"', 'community = "y"'))),
        b"",
        b"{}",
        b"\xff" * 70_000,
    ],
    ids=["signature", "payload", "community", "text", "empty", "unsigned", "long"],
)
def test_what_no_steward_signed_for_us_is_ignored(tmp_path: Path, forged: bytes) -> None:
    kept = kept_in(tmp_path)
    kept.take(paper(), utc_ms=NOON)
    assert not kept.take(forged, utc_ms=NOON)
    assert (day_of(kept), kept.refused) == ("2026-06-01", 1)


def test_any_of_the_stewards_may_sign_and_nobody_else(tmp_path: Path) -> None:
    kept = Paper(tmp_path, community="z", stewards=(STEWARD.public.x,))
    assert not kept.take(paper(key=BRIDGE), utc_ms=NOON)
    assert kept_in(tmp_path).take(paper(key=BRIDGE), utc_ms=NOON)


def test_the_last_good_policy_outlives_a_restart_and_a_spoilt_file_is_no_policy(
    tmp_path: Path,
) -> None:
    first = kept_in(tmp_path)
    assert first.rules is None
    first.take(paper(), utc_ms=NOON)
    again = kept_in(tmp_path)
    assert again.rules == first.rules
    assert not again.take(paper(), utc_ms=NOON)
    (tmp_path / FILE).write_bytes(b"half a pol")
    spoilt = kept_in(tmp_path)
    assert (spoilt.rules, spoilt.refused) == (None, 1)
    assert spoilt.take(paper(), utc_ms=NOON)


def test_a_policy_is_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_in(tmp_path).take(paper(), utc_ms=NOON)

    def cut(_: int) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", cut)
        with pytest.raises(OSError, match="power cut"):
            kept_in(tmp_path).take(paper(dated("2026-06-02")), utc_ms=NOON)
    assert day_of(kept_in(tmp_path)) == "2026-06-01"


def test_an_older_policy_is_an_old_one_said_again(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.take(paper(dated("2026-06-02")), utc_ms=NOON)
    assert not kept.take(paper(dated("2026-06-01")), utc_ms=NOON)
    assert (day_of(kept), kept.refused) == ("2026-06-02", 0)


def test_a_policy_of_the_same_day_follows(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.take(paper(), utc_ms=NOON)
    assert kept.take(paper(RULES.replace("0.05", "0.06")), utc_ms=NOON)


# Midnight at the end of 21 June 2026 in Amsterdam, which is two hours ahead of UTC.
MIDNIGHT = NOON + 12 * 3_600_000


def test_a_policy_to_come_waits_for_its_own_local_midnight(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.take(paper(), utc_ms=NOON)
    assert not kept.take(paper(dated("2026-06-22")), utc_ms=MIDNIGHT - 2_000)
    assert not kept.tick(utc_ms=MIDNIGHT - 1)
    assert day_of(kept_in(tmp_path)) == "2026-06-01"
    assert kept.tick(utc_ms=MIDNIGHT)
    assert not kept.tick(utc_ms=MIDNIGHT + 1)
    assert (day_of(kept), day_of(kept_in(tmp_path))) == ("2026-06-22", "2026-06-22")


def test_a_policy_that_waited_comes_once(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.take(paper(dated("2026-06-22")), utc_ms=NOON)
    later = MIDNIGHT + 86_400_000
    assert kept.tick(utc_ms=MIDNIGHT)
    assert kept.take(paper(dated("2026-06-23")), utc_ms=later)
    assert not kept.tick(utc_ms=later)
    assert day_of(kept) == "2026-06-23"


def test_who_does_not_know_the_time_believes_the_hub_until_the_time_is_known(
    tmp_path: Path,
) -> None:
    kept = kept_in(tmp_path)
    assert kept.take(paper(dated("2026-07-01")), utc_ms=None)
    assert kept.take(paper(dated("2026-06-02")), utc_ms=NOON)
    assert day_of(kept) == "2026-06-02"


def test_a_refused_paper_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = kept_in(tmp_path)
    for _ in range(3):
        kept.take(b"nonsense", utc_ms=NOON)
    assert kept.refused == 3
    assert capsys.readouterr().out.count("policy_refused") == 1


def test_json_of_an_offer_has_names(tmp_path: Path) -> None:
    shown = offer.in_json(offer.offer(offer.read(RULES), SETTINGS_READ, full=frozenset()))
    assert shown["fractions"][0]["rate"] == "0.05 WASTE / kg"
    assert shown["crates"] == [
        {"id": "blue", "tare_mg": 1_500_000, "nl": "blauwe krat", "en": "blue crate"}
    ]


@pytest.mark.parametrize(
    ("unit", "most", "expected"),
    [
        ("piece", "12 piece", 12),
        ("piece", "25/2 piece", 12),
        ("kg", "500 g", 500_000),
        ("kg", "1/3 kg", 333_333),
    ],
)
def test_the_most_of_a_deposit_is_read_as_the_hub_reads_it(unit, most, expected) -> None:
    kind = f'[fractions.cans]\nunit = "{unit}"\nnl = "a"\nen = "b"\nmost = "{most}"\n'
    assert expected == offer.read(RULES + kind).fractions["cans"].most
