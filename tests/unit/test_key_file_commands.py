"""Files of coefficients as a treasurer uses them: `policy check`, `simulate` and `activate`."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError
from ledger_bridge.books.policy.coefficients import paper_name
from ledger_bridge.commands import policy as commands
from ledger_bridge.commands.common import read_books
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.member import add
from tests.homes import RULE
from tests.street import ID, POLICY

FILE = "quarter;noor;bram\n2030-01-01T12:00Z;0.5;0.5\n"
SHA256 = hashlib.sha256(FILE.encode()).hexdigest()
KEY = f'key = "coefficients"\ncoefficients = {{file = "key.csv", sha256 = "{SHA256}"}}\n'


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A hub with two members, and a policy that names a file."""
    init(tmp_path / "hub", community=ID)
    config = tmp_path / "hub" / "bridge.toml"
    add("noor", config=config)
    add("bram", config=config)
    (tmp_path / "policy.toml").write_text(POLICY.replace("2026-06-21", "2099-06-21") + RULE + KEY)
    capsys.readouterr()
    return config


def papers(config: Path) -> list[str]:
    names = read_books(config).db.execute("SELECT name FROM paper").fetchall()
    return [name for (name,) in names]


def test_activate_hands_the_file_in_that_lies_beside_the_policy(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "key.csv").write_text(FILE)
    commands.activate(tmp_path / "policy.toml", config=config)
    assert [paper_name(SHA256)] == papers(config)
    assert "2099-06-21" == read_books(config).policies.in_order[-1].policy.day
    # It is in the books now: the policy is all right without the file as well.
    (tmp_path / "key.csv").unlink()
    commands.check(tmp_path / "policy.toml", config=config)


@pytest.mark.parametrize(
    ("command", "what", "file"),
    [
        (commands.activate, r"nobody handed in key\.csv with this SHA-256", ""),
        (commands.simulate, r"nobody handed in key\.csv with this SHA-256", ""),
        (commands.check, r"key\.csv is another file", FILE.replace("0.5", "0.4")),
        (commands.activate, r"key\.csv is another file", FILE.replace("0.5", "0.4")),
        (commands.simulate, "line 2: the coefficients add up to", FILE.replace("0.5;", "0.6;")),
    ],
)
def test_a_file_that_is_not_the_one_is_named_and_nothing_changes(
    command: Callable[..., None], what: str, file: str, config: Path, tmp_path: Path
) -> None:
    """Invariant 10 (DESIGN)."""
    if file:
        (tmp_path / "key.csv").write_text(file)
    with pytest.raises(ConfigError, match=what):
        command(tmp_path / "policy.toml", config=config)
    assert [] == papers(config)
    assert [] == read_books(config).policies.in_order


def test_a_file_without_a_hub_is_looked_at_where_it_lies_there(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY + RULE + KEY)
    commands.check(tmp_path / "policy.toml", config=tmp_path / "none.toml")
    (tmp_path / "key.csv").write_text(FILE + "x")
    with pytest.raises(ConfigError, match="line 3: 'x' is no quarter-hour"):
        commands.check(tmp_path / "policy.toml", config=tmp_path / "none.toml")
