"""Keys as people write them in a policy, and files of coefficients: meaning and mistakes."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError, PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts import papers
from ledger_bridge.books.policy.coefficients import (
    HOURS,
    Coefficients,
    KeyFile,
    hour_of_year,
    paper_name,
)
from ledger_bridge.books.policy.policy import parse
from tests.homes import RULE, Homes
from tests.street import ID, MIDNIGHT_MS, POLICY, key

ZONE = "Europe/Amsterdam"
HOURLY = "\n".join(["hour;noor;bram", *(f"{n};0.25;0.75" for n in range(1, HOURS + 1))])
# Of an hour in which bram has all.
NIGHT = HOURLY.replace("\n3;0.25;0.75\n", "\n3;0;1\n")


def quarter(utc_s: int) -> int:
    return utc_s // 900


@pytest.mark.parametrize(
    ("what", "sharing_key"),
    [
        ("the shares add up to 13/12, which is more than 1",
         'key = "static"\nshares.noor = "1/3"\nshares.bram = "3/4"'),
        ("nobody has a share above 0", 'key = "rounds"\nshares.noor = "0"'),
        ("-1 is negative", 'key = "static"\nshares.noor = "-1"'),
        ("0.5 is a float and not exact", 'key = "static"\nshares.noor = 0.5'),
        ("'1/0' is not a number", 'key = "static"\nshares.noor = "1/0"'),
        ("'Noor' is no id", 'key = "static"\nshares.Noor = "1"'),
        ("'static' needs shares", 'key = "static"'),
        ("'pro-rata' takes no shares", 'key = "pro-rata"\nshares.noor = "1"'),
        ("'coefficients' needs coefficients", 'key = "coefficients"'),
        ("'equal' takes no coefficients",
         f'key = "equal"\ncoefficients = {{file = "a.csv", sha256 = "{"0" * 64}"}}'),
        ("'abc' is no SHA-256",
         'key = "coefficients"\ncoefficients = {file = "a.csv", sha256 = "abc"}'),
        ("'../a.csv' is not the name of a file",
         f'key = "coefficients"\ncoefficients = {{file = "../a.csv", sha256 = "{"0" * 64}"}}'),
        ("shares in parts of 1000000000000000",
         'key = "static"\nshares.noor = "0.000000000000001"'),
        ("KWH is energy itself", 'key = "equal"\ncap = "5 per day"'),
        ("input should be 'static'", 'key = "fair"'),
        ("register '1-0:1.8.1' counts what is given back or what is used, not both",
         'key = "equal"\nregisters_out = ["1-0:1.8.1"]'),
        ("register '0-n:24.2.1' does not count electricity",
         'key = "equal"\nregisters_in = ["0-n:24.2.1"]'),
        ("needs registers_out and registers_in", 'key = "equal"\nregisters_in = []'),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_is_a_mistake_of_the_policy(what: str, sharing_key: str) -> None:
    """Invariant 10 (DESIGN)."""
    with pytest.raises(ConfigError) as refused:
        parse(POLICY + RULE.replace("ENERGY", "KWH") + sharing_key, name="policy.toml")
    assert what.replace("'", '"') in str(refused.value).replace("'", '"')


def test_who_shares_a_register_twice_is_told(tmp_path: Path) -> None:
    """What is given back earns by the rule `sun` already: one set may reward it once."""
    with pytest.raises(ConfigError, match=r"'1-0:2\.8\.1' is rewarded by rule 'sun' already"):
        parse(
            POLICY + RULE.replace('exclusive = "shared"\n', "") + 'key = "equal"',
            name="policy.toml",
        )


def test_a_share_for_nobody_we_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeopleError) as refused:
        Homes(tmp_path, 'key = "static"\nshares.joris = "1"\n')
    assert "shares with 'joris', and no member is called so" in str(refused.value)
    assert "meterkast member add joris" in str(refused.value)


def test_a_file_that_nobody_handed_in_is_refused(tmp_path: Path) -> None:
    sharing_key = (
        f'key = "coefficients"\ncoefficients = {{file = "a.csv", sha256 = "{"0" * 64}"}}\n'
    )
    with pytest.raises(PeopleError, match=r"nobody handed in a\.csv with this SHA-256"):
        Homes(tmp_path, sharing_key)


def test_a_file_with_nobody_we_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match="shares with 'joris'"):
        Homes(tmp_path, 'key = "coefficients"\n', file="quarter;joris\n2026-07-01T12:00Z;1\n")


def drop_a_line(text: str) -> str:
    return text.replace("\n2;0.25;0.75\n", "\n")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("line 1 is not", ""),
        ("line 1 is not", "hour"),
        ("line 1 is not", "uur;noor\n1;1"),
        ("line 1: 'Noor' is no member", "hour;Noor"),
        ("line 1 names a member twice", "hour;noor;noor"),
        ("8759 hours, not 8760", drop_a_line(HOURLY)),
        ("line 3: 1 has a line already", HOURLY.replace("\n2;", "\n1;")),
        ("line 8762: '8761' is no hour", HOURLY + "\n8761;0;0"),
        ("line 2: '+1' is no hour", HOURLY.replace("\n1;", "\n+1;")),
        ("line 2: the coefficients add up to more than 1", HOURLY.replace("0.25", "0.26")),
        ("line 2: '1,2,3' is no coefficient", HOURLY.replace("0.25", "1,2,3")),
        ("line 2: '-0.1' is no coefficient", HOURLY.replace("0.25", "-0.1")),
        ("line 2: '0.1234567891' is no coefficient", HOURLY.replace("0.25", "0.1234567891")),
        ("line 2: '' is no coefficient", HOURLY.replace("0.25", "")),
        ("line 2: 1 coefficients for 2 members", HOURLY.replace(";0.75", "")),
        ("line 2: '2026-07-01T12:00' is no quarter-hour", "quarter;noor\n2026-07-01T12:00;1"),
        ("line 2: '2026-07-01T12:05Z' is no quarter-hour", "quarter;noor\n2026-07-01T12:05Z;1"),
        ("line 2: 'noon' is no quarter-hour", "quarter;noor\nnoon;1"),
        ("more than 40000 lines", "quarter;noor" + "\nx;1" * 40_001),
        ("8000001 letters and digits, at most 8000000", "h" * 8_000_001),
    ],
    ids=range(20),
)
def test_a_file_that_cannot_be_is_refused_with_its_line(what: str, text: str) -> None:
    """Invariant 10 (DESIGN): it is refused as a paper, and the books stay as they are."""
    with pytest.raises(ValueError, match=re.escape(what)):
        Coefficients(text)


@pytest.mark.parametrize(
    "name",
    [
        lambda given: "another",
        lambda given: paper_name("0" * 64),
    ],
)
def test_a_file_goes_by_its_own_sha256(tmp_path: Path, name: Callable[[KeyFile], str]) -> None:
    homes = Homes(tmp_path, 'key = "equal"\n')
    given = KeyFile("key.csv", HOURLY)
    paper = papers.Paper(ID, name(given), MIDNIGHT_MS, (given,))
    document = papers.make(paper, key=key("steward"))
    with pytest.raises(Malformed, match="not by its SHA-256"):
        homes.community.hand_in_evidence(document, now_ms=MIDNIGHT_MS)
    assert [] == homes.community.db.execute("SELECT * FROM paper").fetchall()


@pytest.mark.parametrize(
    ("hour", "utc_s"),
    [
        (1, 1_798_758_000),  # 2027-01-01T00:00+01:00
        (8_760, 1_830_293_100),  # 2027-12-31T23:45+01:00
        (4_105, 1_781_992_800),  # 2026-06-21T00:00+02:00: 171 days and one hour
        # 2026-10-25: 297 days before it. 02:30 comes twice, before and after the clock is set back.
        (297 * 24 + 3, 1_792_888_200),
        (297 * 24 + 3, 1_792_891_800),
        # 2027-03-28: 86 days before it. 01:45 is followed by 03:00.
        (86 * 24 + 2, 1_806_194_700),
        (86 * 24 + 4, 1_806_195_600),
        # 2028-02-28 and 29, 12:00: 58 days before both; 1 March is day 60 in every year.
        (58 * 24 + 13, 1_835_348_400),
        (58 * 24 + 13, 1_835_434_800),
        (59 * 24 + 13, 1_835_521_200),
    ],
)
def test_an_hour_of_the_year_is_what_the_clocks_show(hour: int, utc_s: int) -> None:
    """Both days on which the clock changes, and the leap day."""
    assert hour == hour_of_year(quarter(utc_s), ZONE)


def test_coefficients_are_parts_of_a_thousand_million() -> None:
    """The third hour of 2027: 02:00 to 03:00 on New Year's morning, 01:00Z on."""
    file = Coefficients(NIGHT)
    assert {"noor": 0, "bram": 1_000_000_000} == file.at(quarter(1_798_765_200), ZONE)
    assert {"noor": 250_000_000, "bram": 750_000_000} == file.at(quarter(1_798_768_800), ZONE)


def test_a_file_from_a_spreadsheet_is_read_as_it_is() -> None:
    """With a byte order mark, decimal commas and its own ends of lines."""
    file = Coefficients("\ufeffquarter;noor;bram\r\n2026-07-01T14:00+02:00;0,5;0,125\r\n")
    assert {"noor": 500_000_000, "bram": 125_000_000} == file.at(quarter(1_782_907_200), ZONE)
    assert {} == file.at(quarter(1_782_907_200) + 1, ZONE)
