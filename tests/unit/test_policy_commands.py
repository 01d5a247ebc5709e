"""`policy check`, `template`, `activate` and `list` as a treasurer uses them."""

import json
from datetime import date
from pathlib import Path

import pytest

from gateway.contract.errors import ConfigError, UsageError
from ledger_bridge.books import rules
from ledger_bridge.books.policy import zones
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.telling.rules import of_policy
from ledger_bridge.commands import policy as commands
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.templates import fill_in, names, template
from tests.street import ID, POLICY

NAMES = ("diftar", "energy", "recycling", "start", "street", "timebank")


@pytest.fixture
def hub(tmp_path, capsys):
    """A hub whose policy began on 21 June 2026; the machine's clock is later."""
    init(tmp_path / "hub", community=ID)
    toml = tmp_path / "policy.toml"
    toml.write_text(POLICY)
    commands.activate(toml, config=tmp_path / "hub" / "bridge.toml")
    capsys.readouterr()
    return tmp_path / "hub" / "bridge.toml"


def test_every_template_is_listed_with_what_it_is_for(capsys):
    template()
    told = capsys.readouterr().out
    assert NAMES == tuple(names())
    assert "diftar     Paying per bag (diftar): " in told


@pytest.mark.parametrize("name", NAMES)
def test_a_template_passes_the_check_as_it_is_printed(name, tmp_path, capsys):
    template(name, community=ID)
    file = tmp_path / "policy.toml"
    file.write_text(capsys.readouterr().out)
    commands.check(file, config=tmp_path / "no hub", json=True)
    told = json.loads(capsys.readouterr().out)
    assert [] == told["notes"]
    # From a day to come, so that it can be put in force.
    assert date.fromisoformat(told["valid_from"]) > date.today()  # noqa: DTZ011


def test_together_the_templates_show_every_rule():
    shown = {
        rule.rule
        for name in NAMES
        for rule in parse(fill_in(name, community=ID, valid_from="2027-01-25"), name=name).rules
    }
    assert set(rules.names()) == shown


def test_one_template_can_follow_any_other():
    """What a code stands for stays: no two of them may mean something else by the same code."""
    meant: dict[str, set[tuple[object, ...]]] = {}
    for name in NAMES:
        made = parse(fill_in(name, community=ID, valid_from="2027-01-25"), name=name)
        for code, asset in made.assets.items():
            meant.setdefault(code, set()).add((asset.unit, asset.scale, asset.kind, asset.shadow))
    assert [] == [code for code, meanings in meant.items() if len(meanings) > 1]
    assert {"ENERGY", "KWH", "WASTE", "HOUR", "TIMES"} <= set(meant)


def test_a_template_that_is_none_is_named_with_those_there_are():
    with pytest.raises(UsageError, match="no template 'casino'") as error:
        template("casino")
    assert f"templates: {', '.join(NAMES)}" == error.value.problems[0].try_


def test_a_check_says_what_each_rule_does_in_two_languages(tmp_path, capsys):
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.replace("WASTE]\n", "WASTE]\nshadow = true\n"))
    commands.check(file, config=tmp_path / "no hub")
    assert [
        "from 2026-06-21 on, days of Europe/Amsterdam:",
        "  sun: 1/3 ENERGY per kWh given back (1-0:2.8.1, 1-0:2.8.2), at most 20 a day",
        "       1/3 ENERGY per kWh teruggeleverd (1-0:2.8.1, 1-0:2.8.2), hoogstens 20 per dag",
        "  waste: 0.05 WASTE per kg of glass; nothing for paper, at most 1 a day;"
        " counts for nothing yet",
        "         0,05 WASTE per kg glass; niets voor paper, hoogstens 1 per dag; telt nog niet",
    ] == capsys.readouterr().out.splitlines()


def test_what_may_not_be_meant_is_noted():
    text = POLICY.replace(
        "[[rules]]",
        '[assets.SPARE]\nunit = "x"\nkind = "credit"\n'
        '[fractions.tin]\neuralcode = "20 01 40"\nunit = "kg"\nnl = "blik"\nen = "tin"\n[[rules]]',
        1,
    )
    assert [
        "nothing earns SPARE",
        "no rule is about tin: it is counted and earns nothing",
    ] == of_policy(parse(text, name="policy"))["notes"]


def problems(text: str, tmp_path: Path, config: Path) -> list[tuple[str, str, str]]:
    file = tmp_path / "new.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        commands.check(file, config=config)
    return [tuple(problem) for problem in error.value.problems]


MANY = (
    POLICY.replace('credit = "1/3"', 'credit = "1/0"')
    .replace('kind = "credit"', 'kind = "coupon"', 1)
    .replace('asset = "WASTE"', 'asset = "WATSE"')
    .replace("version = 1", "version = 7", 1)
    .replace('per = "1 kg" }\nrates.paper', 'per = "1 L" }\nrate.paper')
    .replace('"Europe/Amsterdam"', '"Europe/Mokum"')
)


def test_every_mistake_is_named_in_one_run(tmp_path):
    """Mistakes of single tables and of tables beside each other, whichever come first."""
    found = {what for what, _, _ in problems(MANY, tmp_path, tmp_path / "no hub")}
    assert {
        "'Europe/Mokum' is no time zone such as \"Europe/Amsterdam\"",
        "input should be 'measured', 'credit', 'money' or 'counter', not 'coupon'",
        '\'1/0\' is not a number such as "0.05" or "1/3"',
        "rule 'sun': version 7; known: 1",
        "rule 'waste': asset 'WATSE' is not declared in [assets]",
        "unknown key 'rate'",
    } == found


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("2026-06-21", '"soon"', ("'soon' is no day such as 2026-06-21", "policy.md")),
        ("2026-06-21", "2026-06-21T10:00:00", ("2026-06-21 10:00:00 is no day such", "policy.md")),
        ("2026-06-21", "[]", ("[] is no day such as 2026-06-21", "policy.md")),
        (
            "[assets.ENERGY]",
            "[assets]\nPOINT = 3\n[assets.ENERGY]",
            ("a table is wanted, not 3", ""),
        ),
        (
            "[assets.ENERGY]",
            "exchanges = 3\n[assets.ENERGY]",
            ("a list is wanted, not 3", "policy.md"),
        ),
        ('rule = "energy_exported"', "", ("the key 'rule' is missing", "policy.md")),
        ('rule = "energy_exported"', "rule = 3", ("there is no rule 3; known: energy_exp", "")),
        (
            "# long",
            "# long" + "x" * 65_000,
            ("bytes as JSON; a policy has at most 64512", "comments"),
        ),
    ],
    ids=["a word", "a time", "a list", "no table", "no list", "no rule", "a number", "too long"],
)
def test_what_is_no_policy_at_all_is_named(find, put, expected, tmp_path):
    found = problems(f"# long\n{POLICY}".replace(find, put, 1), tmp_path, tmp_path / "no hub")
    assert any(expected[0] in what and expected[1] in try_ for what, _, try_ in found), found


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("version = 1", "versoin = 1", ("unknown key 'versoin'", "did you mean version?")),
        ("registers =", "register =", ("unknown key 'register'", "did you mean registers?")),
        ("rates.paper", "rats.paper", ("unknown key 'rats'", "did you mean rates?")),
        ("shadow", "shaddow", ("unknown key 'shaddow'", "did you mean shadow?")),
        (
            'rule = "energy_exported"',
            'rule = "energy_shared"',
            ("unknown key 'registers'", "did you mean registers_in?"),
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_of_that_very_table(find, put, expected, tmp_path):
    text = POLICY.replace("scale = 6", "scale = 6\nshadow = true", 1).replace(find, put, 1)
    found = problems(text, tmp_path, tmp_path / "no hub")
    assert expected in [(what, try_) for what, _, try_ in found]


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("2026-06-21", "2026-06-21", None),
        ("2026-06-21", "2026-06-22", "rules cannot reach back"),
        ('"straat"', '"laan"', "a policy of 'laan', and this hub is of 'straat'"),
        ("scale = 6", "scale = 3", "accounts hold ENERGY with scale = 6"),
        ('unit = "credit"', 'unit = "kWh"', 'accounts hold ENERGY with unit = "credit"'),
        ('kind = "credit"', 'kind = "money"', 'accounts hold ENERGY with kind = "credit"'),
        ("scale = 6", "scale = 6\nshadow = true", "accounts hold ENERGY with shadow = false"),
        (
            '"Europe/Amsterdam"',
            '"Europe/Brussels"',
            "the time zone of a community stays Europe/Amsterdam",
        ),
    ],
    ids=[
        "what is in force",
        "a day that is over",
        "elsewhere",
        "other places",
        "another unit",
        "another kind",
        "on trial",
        "another zone",
    ],
)
def test_a_check_at_the_hub_says_whether_it_may_follow(find, put, expected, hub, tmp_path):
    text = POLICY.replace(find, put, 1)
    if expected is None:
        file = tmp_path / "new.toml"
        file.write_text(text)
        commands.check(file, config=hub)
        return
    assert any(expected in what for what, _, _ in problems(text, tmp_path, hub))


def test_a_check_at_the_hub_tells_what_the_new_policy_leaves_out(hub, tmp_path, capsys):
    template("energy", community=ID)
    file = tmp_path / "next.toml"
    file.write_text(capsys.readouterr().out)
    commands.check(file, config=hub)
    assert [
        "note: kinds of waste that are left out from then on: glass, paper; they earn nothing",
        "note: assets that are left out from then on: WASTE; nothing earns them any more",
        "it may follow the policy of 2026-06-21",
    ] == capsys.readouterr().out.splitlines()[-3:]


def test_exchanges_are_listed_like_rules(hub, tmp_path, capsys):
    template("street", community=ID)
    file = tmp_path / "next.toml"
    file.write_text(capsys.readouterr().out)
    commands.activate(file, config=hub)
    commands.list_(config=hub)
    assert "  waste-for-energy: 2 ENERGY for 1 WASTE, through pool" in capsys.readouterr().out


def test_the_policies_are_listed_with_their_hashes(hub, tmp_path, capsys):
    file = tmp_path / "next.toml"
    file.write_text(POLICY.replace("2026-06-21", "2099-01-01"))
    commands.activate(file, config=hub, json=True)
    hashed = json.loads(capsys.readouterr().out)["hash"]
    commands.list_(config=hub)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("from 2026-06-21 on: ")
    assert f"from 2099-01-01 on: {hashed}" == told[3]


# The time zones that a policy was written with.


@pytest.mark.parametrize(
    ("tzdata", "expected"),
    [
        ("", ""),
        (zones.running(), ""),
        (
            "1999z",
            f"it was written with time zones of 1999z, and {zones.running()} is what runs here:"
            " where they differ, days begin at another moment",
        ),
    ],
    ids=["not said", "the same", "another"],
)
def test_another_database_of_time_zones_is_told(tzdata, expected):
    assert expected == zones.warning(tzdata)


def test_the_database_is_known_by_the_machine_or_by_the_package(tmp_path, monkeypatch):
    (tmp_path / "tzdata.zi").write_text("# version 2031c\nR E\n", "ascii")
    monkeypatch.setattr(zones.zoneinfo, "TZPATH", (str(tmp_path),))
    assert "2031c" == zones.running()
    monkeypatch.setattr(zones.zoneinfo, "TZPATH", ())
    monkeypatch.setattr(zones.metadata, "version", lambda _: "2031.4")
    assert "2031d" == zones.running()


def test_a_version_that_is_none_is_a_mistake(tmp_path):
    text = POLICY.replace("time_zone", 'tzdata = "newest"\ntime_zone', 1)
    assert any("newest" in what for what, _, _ in problems(text, tmp_path, tmp_path / "no hub"))
