"""The page on policies: its commands, run as they stand, do what it says; its tables are whole."""

import re

import pytest
from pydantic import BaseModel

from gateway.contract.cards import token
from ledger_bridge.books import rules
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.exchange import Exchange
from ledger_bridge.books.policy.fractions import Club, WasteKind
from ledger_bridge.books.policy.policy import Policy, parse
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.registry.edits import CardGiven, GatewayAdmitted, MemberAdded
from ledger_bridge.commands.common import edit
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.policy import activate
from ledger_bridge.hub import Hub
from tests.docs.glass import CARD, POINT, bring
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.street import key

PAGE = DOCS / "policy.md"


def keys(head: str, column: int = 0) -> list[str]:
    """The names in a column of the table with this head, in order."""
    _, _, rows = PAGE.read_text("utf-8").partition(f"| {head} |")
    cells = [row.split("|")[column + 1] for row in rows.split("\n\n")[0].splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)]


@pytest.mark.parametrize(
    ("head", "model"),
    [
        ("key of the file", Policy),
        ("key of an asset", Asset),
        ("key of a fraction", WasteKind),
        ("key of a club", Club),
        ("key of an exchange", Exchange),
        ("key of every rule", Rule),
    ],
)
def test_a_table_has_every_key_and_no_other(head: str, model: type[BaseModel]):
    assert sorted(model.model_fields) == sorted(keys(head))


def test_the_table_of_rules_has_every_rule_with_its_keys():
    assert sorted(rules.names()) == sorted(keys("rule"))
    own = [
        name
        for rule in rules.names()
        for name in rules.load(rule).Rule.model_fields
        if name not in Rule.model_fields
    ]
    assert sorted(own) == sorted(keys("rule", 2))


def test_the_policy_of_the_page_is_read_without_a_mistake():
    (toml,) = blocks(PAGE, "toml")
    assert ["sun", "waste"] == [rule.id for rule in parse(toml, name="policy.toml").rules]


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_do_what_it_says(tmp_path):
    """By hand: 2 kg of glass at 0.05 were 0.1 WASTE, and would be 0.10 POINT."""
    hub = tmp_path / "hub"
    init(hub, community="zonstraat")
    policy = (hub / "policy.toml").read_text()
    (hub / "policy.toml").write_text(
        re.sub(r"(?m)^valid_from = \S+", "valid_from = 2026-06-01", policy)
    )
    activate(hub / "policy.toml", config=hub / "bridge.toml")
    made = Hub.load(hub / "bridge.toml")
    edit(
        made,
        GatewayAdmitted(POINT, key(POINT).public.x),
        MemberAdded("noor", "acc-noor"),
        CardGiven(token(CARD, made.card_key()), "noor"),
    )
    bring(made)
    said = run_script("\n".join(blocks(PAGE, "bash")), folder=hub)
    shown = re.findall(r"^    (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert 7 == len(shown)
    assert set(shown) <= set(said.splitlines())
    assert "2 of 2 stewards sign from now on" in said
    assert "signed by 2: later.signed" in said
    assert "in force from 2099-01-05 on: " in said
    assert "noor: 0.1 POINT instead of 0, 0.1 more (brought +0.1)." in (
        hub / "next.html"
    ).read_text("utf-8")
