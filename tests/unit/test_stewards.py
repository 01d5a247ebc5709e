"""Stewards: as many of them sign a policy as the community asks, and name who they are."""

import json

import pytest

from gateway.contract import policy as papers
from gateway.contract import signed
from gateway.contract.errors import PeopleError, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.signed import SIGNATURES_MAX, Malformed
from ledger_bridge.books.facts import papers as evidence
from ledger_bridge.books.facts.attested import Attestation
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.registry import stewards as terms
from ledger_bridge.books.registry.edits import StewardsNamed
from ledger_bridge.books.registry.stewards import Term
from ledger_bridge.books.verify.verify import Differs, verify
from ledger_bridge.commands import policy as commands
from ledger_bridge.commands.hub import init
from ledger_bridge.commands.stewards import stewards
from ledger_bridge.told import policy_in_force
from tests.street import ID, MIDNIGHT_MS, POLICY, Street, key

THREE = tuple(key(name).public.x for name in ("steward", "anna", "bert"))
EVENING_MS = MIDNIGHT_MS + 20 * 3_600_000
NEXT = POLICY.replace("valid_from = 2026-06-21", "valid_from = 2026-06-22")


def paper(*names: str, toml: str = NEXT) -> bytes:
    """A policy with the signatures of these."""
    first, *others = names
    data = papers.make(toml, community=ID, key=key(first))
    for name in others:
        data = signed.add(data, key=key(name))
    return data


TWO_OF_THREE = Term(ID, 1, THREE, 2)


def naming(*names: str, term: Term = TWO_OF_THREE) -> StewardsNamed:
    first, *others = names
    data = terms.make(term, key=key(first))
    for name in others:
        data = signed.add(data, key=key(name))
    return StewardsNamed(data.decode())


def hand_in(street: Street, data: bytes) -> None:
    street.community.hand_in_policy(data, now_ms=EVENING_MS)


@pytest.fixture
def street(tmp_path):
    """Three stewards, of whom two must sign."""
    made = Street(tmp_path)
    made.edit(naming("steward"))
    return made


def verified(street: Street) -> None:
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


@pytest.mark.parametrize(
    "names",
    [
        ("anna", "bert"),
        ("steward", "bert"),
        ("bert", "anna", "steward"),
        ("anna", "burglar", "bert"),
    ],
    ids="-".join,
)
def test_two_of_three_put_a_policy_in_force(street, names):
    hand_in(street, paper(*names))
    assert "2026-06-22" == street.community.policies.in_order[-1].policy.day
    verified(street)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("anna",), ("steward", "bert")),
        (("anna", "burglar"), ("steward", "bert")),
        (("burglar",), ("steward", "anna", "bert")),
    ],
    ids=["one", "one and somebody else", "somebody else"],
)
def test_whoever_has_not_signed_is_named_and_nothing_changes(street, names, missing):
    before = list(street.community.db.iterdump())
    with pytest.raises(Malformed) as error:
        hand_in(street, paper(*names))
    have = 3 - len(missing)
    who = ", ".join(f"{key(name).public.x[:8]}…" for name in missing)
    assert f"signed by {have} of the 2 who must; not by {who}" == str(error.value)
    assert before == list(street.community.db.iterdump())


def test_one_who_signs_twice_counts_once():
    once = paper("anna")
    assert once == signed.add(once, key=key("anna"))
    twice = once + b"\n" + once.split(b"\n")[1]
    with pytest.raises(Malformed, match="signed by 1 of the 2"):
        policies.read(twice, THREE, asked=2)


def test_a_policy_has_one_hash_however_many_sign_it():
    assert papers.hash_of(paper("anna")) == papers.hash_of(paper("bert", "anna", "steward"))


def test_on_the_wire_it_has_two_lines_with_the_first_stewards_signature(street):
    hand_in(street, paper("bert", "anna"))
    told = policy_in_force(street.community, MIDNIGHT_MS + 30 * 3_600_000)
    assert 2 == len(told.data.split(b"\n"))
    assert told.hash == papers.hash_of(told.data)
    # Of those who signed, anna is named before bert.
    papers.check(told.data, (key("anna").public.x,))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.replace(b"1/3", b"9/3"), "it was changed since .*… signed it"),
        (lambda data: data[:-9] + b"A" * 9, "it was changed since .*… signed it"),
        (lambda data: data + b"\n", "second line is not a detached JWS|expected one line"),
        (lambda data: data + (b"\n" + data.split(b"\n")[1]) * SIGNATURES_MAX, "1 to 32"),
        (lambda data: data.split(b"\n")[0], "expected a line of JSON"),
        (lambda data: data + b"\n" + naming("anna").paper.split("\n")[1].encode(), "several kinds"),
    ],
    ids=["another rate", "another signature", "an empty line", "too many", "none", "another kind"],
)
def test_a_paper_that_was_changed_is_refused(change, expected):
    with pytest.raises(Malformed, match=expected):
        policies.read(change(paper("anna", "bert")), THREE, asked=2)


# Who the stewards are.


def test_a_policy_of_a_steward_who_left_stays_and_a_new_one_by_them_is_refused(street):
    """Invariant 3 (DESIGN): a signature counts by who was a steward at the time."""
    hand_in(street, paper("anna", "bert"))
    gone = Term(ID, 2, (key("steward").public.x, key("carla").public.x), 2)
    street.edit(naming("anna", "bert", term=gone))
    verified(street)
    later = NEXT.replace("2026-06-22", "2026-06-23")
    with pytest.raises(Malformed, match="signed by 0 of the 2"):
        hand_in(street, paper("anna", "bert", toml=later))
    hand_in(street, paper("carla", "steward", toml=later))
    street.open()
    assert 3 == len(street.community.policies.in_order)
    verified(street)


def test_evidence_of_a_steward_who_left_stays_and_no_more_of_it_comes(street):
    def attest(name: str, by: str) -> None:
        said = (Attestation("noor", "2026-06-20", "care", 60, "anna"),)
        made = evidence.make(evidence.Paper(ID, name, EVENING_MS, said), key=key(by))
        street.community.hand_in_evidence(made, now_ms=EVENING_MS)

    attest("first", "bert")
    street.edit(naming("anna", "bert", term=Term(ID, 2, (key("steward").public.x,), 1)))
    with pytest.raises(Malformed, match="not signed by a steward"):
        attest("second", "bert")
    attest("second", "steward")
    verified(street)


def test_one_cannot_name_stewards_where_two_must(street):
    alone = Term(ID, 2, (key("steward").public.x,), 1)
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        street.edit(naming("steward", term=alone))
    assert THREE == street.community.registry.stewards


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (Term(ID, 1, THREE, 2), "change 1 of 'straat', not 2 of ours"),
        (Term("elders", 2, THREE, 2), "change 2 of 'elders'"),
        (Term(ID, 2, THREE, 4), "4 of 3 stewards"),
        (Term(ID, 2, THREE, 0), "0 of 3 stewards"),
        (Term(ID, 2, (THREE[0], THREE[0]), 1), "1 of 1 stewards"),
        (Term(ID, 2, (), 0), "0 of 0 stewards"),
        (Term(ID, 2, ("nobody",), 1), "'nobody' is no Ed25519 key"),
    ],
    ids=["handed in again", "of elsewhere", "more than all", "none", "twice", "nobody", "no key"],
)
def test_a_naming_that_cannot_be_is_refused(street, term, expected):
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        street.edit(naming("anna", "bert", term=term))
    assert before == list(street.community.db.iterdump())


def test_verify_names_a_policy_that_too_few_signed(street):
    """Whoever writes behind the program's back leaves out a signature; the hash stays."""
    hand_in(street, paper("anna", "bert"))
    street.community.db.execute(
        "UPDATE policy SET data = ? WHERE valid_from = '2026-06-22'", (paper("anna"),)
    )
    with pytest.raises(Differs, match="signed by 1 of the 2 who must"):
        verified(street)


# As stewards do it, each on their own machine.


@pytest.fixture
def hub(tmp_path, capsys):
    init(tmp_path / "hub", community=ID)
    capsys.readouterr()
    return tmp_path / "hub" / "bridge.toml"


def said(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_policy_goes_round_and_is_put_in_force(hub, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = SigningKey.load(hub.parent / "keys" / "steward.key").public.x
    commands.key(tmp_path / "anna.key", json=True)
    anna = said(capsys)["key"]
    stewards(own, anna, asked=2, config=hub, json=True)
    assert {"stewards": [own, anna], "asked": 2} == said(capsys)
    toml = tmp_path / "policy.toml"
    toml.write_text(POLICY)
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must") as error:
        commands.activate(toml, config=hub)
    assert error.value.problems[0].try_.startswith(f"meterkast policy sign {toml}, then each other")
    commands.sign(toml, config=hub)
    round_ = tmp_path / "policy.signed"
    commands.sign(round_, key=tmp_path / "anna.key")
    assert f"signed by 2: {round_}" == capsys.readouterr().out.splitlines()[-1]
    commands.activate(round_, config=hub)
    assert capsys.readouterr().out.startswith("in force from 2026-06-21 on: ")
    # The next change needs both as well.
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        stewards(own, asked=1, config=hub)
    commands.sign(tmp_path / "stewards.signed", key=tmp_path / "anna.key")
    stewards(paper=tmp_path / "stewards.signed", config=hub)
    assert "1 of 1 stewards sign from now on" == capsys.readouterr().out.splitlines()[-1]
    stewards(config=hub)
    assert f"{own}  the key of this hub\n1 of 1 must sign a policy\n" == capsys.readouterr().out


@pytest.mark.parametrize("given", [{"asked": 1}, {"keys": ("x",)}], ids=["no keys", "no number"])
def test_half_a_naming_is_wrong_use(hub, given):
    with pytest.raises(UsageError, match="name all stewards, and how many must sign"):
        stewards(*given.get("keys", ()), asked=given.get("asked"), config=hub)


def test_a_signed_paper_is_not_overwritten_by_another(hub, tmp_path):
    toml = tmp_path / "policy.toml"
    toml.write_text(POLICY)
    commands.sign(toml, config=hub)
    with pytest.raises(UsageError, match="there is a signed paper already"):
        commands.sign(toml, config=hub)


def test_a_steward_signs_only_what_can_be_read(tmp_path):
    SigningKey.create(tmp_path / "anna.key")
    other = tmp_path / "other.signed"
    other.write_bytes(b'{"a": 1}\nx..y\n')
    with pytest.raises(UsageError, match="second line is not a detached JWS"):
        commands.sign(other, key=tmp_path / "anna.key")
