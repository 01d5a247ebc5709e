"""The page on rules: every rule with its keys and examples; its commands do what it says."""

import re
import shlex

import pytest

from gateway.cli import build
from ledger_bridge.books import rules
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.rules import RuleFile
from tests.docs.test_pages import DOCS, blocks
from tests.laws.test_rules import read
from tests.street import ID
from tests.unit.test_attested import TIME_BANK

PAGE = DOCS / "rules.md"
EXAMPLES = [
    pytest.param(name, n, id=f"{name}-{n}")
    for name in rules.names()
    for n, _ in enumerate(rules.load(name).EXAMPLES)
]


def section(name: str) -> str:
    """What stands under a heading of the page; "" for what stands before the first."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))[name]


def keys(text: str) -> list[str]:
    """The keys that the first table of a text is about."""
    rows = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    return [key for row in rows for key in re.findall(r"`(\w+)`", row)]


def test_every_rule_has_its_section_in_their_order():
    headings = re.findall(r"^## (\w+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    assert [*rules.names(), "Attesting"] == headings


@pytest.mark.parametrize("name", rules.names())
def test_the_keys_of_a_rule_are_those_of_the_page(name):
    own = rules.load(name).Rule.model_fields.keys() - Rule.model_fields.keys()
    assert sorted(own) == sorted(keys(section(name)))


def test_the_keys_of_every_rule_stand_before_them():
    assert sorted(Rule.model_fields) == sorted(keys(section("")))


@pytest.mark.parametrize(("name", "n"), EXAMPLES)
def test_an_example_stands_there_with_its_sentence_and_what_it_comes_to(name, n):
    example = rules.load(name).EXAMPLES[n]
    policy, rule = read(example)
    named, *more = example.toml.strip().splitlines()
    text = section(name)
    shown = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[n]
    as_written = [line for line in shown.splitlines() if not line.startswith("id = ")]
    assert ["[[rules]]", named, "version = 1", *more] == as_written
    assert f"> {example.sentence}.\n" in text
    scale = policy.assets[rule.asset].scale
    assert f"{amount_text(example.due, scale)} {rule.asset}" in text


def test_all_that_a_rule_file_has_is_named():
    own = {name for name in vars(RuleFile) if not name.startswith("_")}
    needed = {*own, *RuleFile.__annotations__}
    assert needed == set(re.findall(r"`([A-Za-z]\w*)`", section("A rule of your own")))


def test_what_a_steward_types_to_attest_does_what_the_page_says(tmp_path, monkeypatch, capsys):
    run = build()
    hub = tmp_path / "hub"
    run(["hub", "init", str(hub), "--community", ID, "--page", "127.0.0.1:0"])
    monkeypatch.chdir(hub)
    run(["member", "add", "noor"])
    (hub / "bank.toml").write_text(TIME_BANK, "utf-8")
    run(["policy", "activate", "bank.toml"])
    capsys.readouterr()
    (script,) = blocks(PAGE, "bash")
    for line in script.splitlines():
        run(shlex.split(line)[1:])
    given, there, taken_back = capsys.readouterr().out.splitlines()
    assert given.startswith("attestation 1/1: noor gave 2:30 of care, ")
    assert there.startswith("attestation 2/1: noor took part in assembly, ")
    assert "attestation 2/1 is taken back by paper 3" == taken_back
