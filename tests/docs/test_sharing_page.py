"""The page on sharing energy: its table is what the keys give, its commands do what it says."""

import re
from pathlib import Path

import pytest

from ledger_bridge.books.policy.coefficients import Coefficients
from ledger_bridge.books.policy.policy import parse
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.homes import Homes, day
from tests.system.programs import done, free_port

PAGE = DOCS / "sharing.md"
TEXT = PAGE.read_text("utf-8")

# noor, bram and saar, in the order of the table.
SHARES = 'shares.noor = "1/2"\nshares.bram = "1/3"\nshares.saar = "1/6"\n'


def rows(first_cell: str) -> list[list[str]]:
    """The cells of the table's rows that begin so, without the first."""
    lines = re.findall(rf"^\| {first_cell}[^|]*\|(.*)\|$", TEXT, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


@pytest.mark.parametrize(
    ("column", "sharing_key"),
    [
        (0, f'key = "static"\n{SHARES}'),
        (1, f'key = "hybrid"\n{SHARES}'),
        (2, f'key = "rounds"\n{SHARES}'),
        (3, 'key = "equal"\n'),
        (4, 'key = "pro-rata"\n'),
    ],
    ids=["static", "hybrid", "rounds", "equal", "pro-rata"],
)
def test_the_table_of_the_page_is_what_a_key_gives(
    column: int, sharing_key: str, tmp_path: Path
) -> None:
    homes = Homes(tmp_path, sharing_key)
    homes.take("home", *day("home", (900_000, 100_000)))
    homes.take("barn", *day("barn", (0, 500_000)))
    homes.take("shed", *day("shed", (0, 1_200_000)))
    shown = [int(row[column]) * 1_000 for row in (*rows("(?:noor|bram|saar)"), *rows("left over"))]
    moved = homes.moved()
    assert shown == [*(moved[name][0] for name in ("noor", "bram", "saar")), homes.left()]


def test_the_table_has_every_key_that_needs_no_file() -> None:
    assert [["static", "hybrid", "rounds", "equal", "pro-rata"]] == rows("(?=\\| static)")[:1]


def test_the_file_of_the_page_is_one_of_coefficients() -> None:
    (file,) = blocks(PAGE, "csv")
    assert ("noor", "bram", "saar") == Coefficients(file).members


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_on_sharing_put_its_policy_in_force(tmp_path: Path) -> None:
    page = f"127.0.0.1:{free_port()}"
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat", "--page", page)
    config = ("--config", tmp_path / "hub" / "bridge.toml")
    for member in ("noor", "bram", "saar"):
        done("member", "add", member, *config)
    (policy,), (file,) = blocks(PAGE, "toml"), blocks(PAGE, "csv")
    assert ["given", "taken"] == [rule.id for rule in parse(policy, name="policy.toml").rules]
    (tmp_path / "hub" / "policy.toml").write_text(policy)
    (tmp_path / "hub" / "key.csv").write_text(file)
    (script,) = blocks(PAGE, "bash")
    said = run_script(f"{script}\nmeterkast verify", folder=tmp_path / "hub")
    assert "in force from 2030-01-01 on" in said
    assert "shared by the coefficients in key.csv" in said
