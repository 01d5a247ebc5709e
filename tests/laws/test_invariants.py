"""Every invariant that the books promise has a property test, which names it.

The two lists are DESIGN section 9 and the ledger's reference, section 9. Docstrings name them as
"Invariant 4 (DESIGN)", "Invariants 2 and 6 (DESIGN), 1 to 3 (ledger)".
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]

DESIGN = {
    1: "debits equal credits; a balance is the sum of its postings; what is posted stays",
    2: "order, batching, repetition and crashes change neither dues nor balances",
    3: "an entitlement leads to evidence of its time; one live mint; a quantity shared once",
    4: "no more is credited of a register than it gained",
    5: "what is allocated and left over is what was produced; nobody gets more than they used",
    6: "posted is due, and due recomputes",
    7: "no receipt before the commit; nothing leaves a journal without one; the sum balances",
    8: "each tree head extends the one before; every evidence head is in the log",
    9: "nothing personal leaves for a log or a public page",
    10: "bad input is named and changes nothing",
}
# Without 25, of anchors and mirrors on a chain, which DESIGN does not take over.
LEDGER = {
    1: "debits equal credits per asset",
    2: "a stored balance is the sum over postings, at every sequence number",
    3: "what was minted is held somewhere",
    4: "no act brings an account under its floor or over its ceiling",
    5: "a group is wholly there or not at all; numbers have no gap; rows stay",
    6: "a reservation ends once, and posts no more than it holds",
    7: "a live mint per claim, whatever the order",
    8: "one key, one content, one answer",
    9: "no receipt for what is not stored; nothing removed without one",
    10: "a mint leads to a claim signed by a key and a fit of its time",
    11: "what is credited over a stretch is what the counter gained, over swaps and roll-overs",
    12: "a roll-over only where it can be; no negative energy",
    13: "times and numbers rise, nothing from the future; a hole is told until it is filled",
    14: "what cannot be waits for an approval",
    15: "a weighing counts once; what was brought agrees with what was hauled",
    16: "allocated and left over is shared production; nobody gets more than they used",
    17: "parts of a meter add up to one at most over communities",
    18: "the order of members is nothing; equals differ by one unit at most",
    19: "due recomputes from evidence, policy and registry",
    20: "splitting changes nothing; less than one unit is lost",
    21: "caps hold per period; policies tile time",
    22: "a reversal nets; reversing twice is impossible",
    23: "roots recompute, tree heads extend each other, two of one size are an alarm",
    24: "every booking is in one leaf, and its proof holds",
    26: "nothing personal in a tile; after erasing all other proofs hold",
    27: "exports load elsewhere, and their balances are ours",
}

_NAMED = re.compile(r"((?:\d+(?: to \d+)?(?:, and |, | and |,)?)+) \((DESIGN|ledger)\)")
_SPOKEN_OF = re.compile(r"[Ii]nvariants? \d")


class Said(NamedTuple):
    """A docstring of a test file, and whether it is of a property: for all that may come, not for
    an example.
    """

    where: str
    text: str
    is_property: bool


@cache
def docstrings() -> tuple[Said, ...]:
    return tuple(_docstrings())


def _docstrings() -> Iterator[Said]:
    for path in sorted(TESTS.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        machines = [one for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and _lives(one)]
        tests = [one for one in tree.body if isinstance(one, ast.FunctionDef) and _is_test(one)]
        draws = [one for one in tests if _draws(one)]
        for one in [tree, *machines, *tests]:
            text = " ".join((ast.get_docstring(one) or "").split())
            is_whole = one is tree and bool(machines or draws)
            is_property = is_whole or one in machines or one in draws
            name = getattr(one, "name", "")
            yield Said(f"{path.relative_to(TESTS)} {name}".strip(), text, is_property)


def _is_test(one: ast.FunctionDef) -> bool:
    return one.name.startswith("test_")


def _draws(one: ast.FunctionDef) -> bool:
    """Whether hypothesis draws what it is tried on."""
    calls = [mark.func for mark in one.decorator_list if isinstance(mark, ast.Call)]
    return any(isinstance(name, ast.Name) and name.id == "given" for name in calls)


def _lives(one: ast.ClassDef) -> bool:
    """Whether it is a state machine that hypothesis drives."""
    return any(isinstance(of, ast.Name) and of.id.endswith("StateMachine") for of in one.bases)


def numbers(text: str) -> set[tuple[str, int]]:
    """Which invariants a docstring names."""
    found = set()
    for some, which in _NAMED.findall(text):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", some):
            found |= {(which, n) for n in range(int(first), int(last or first) + 1)}
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invariant 4 (DESIGN).", {("DESIGN", 4)}),
        ("In 3 days. Invariants 2 and 6 (DESIGN): x", {("DESIGN", 2), ("DESIGN", 6)}),
        (
            "Invariants 1, 2 and 3 (DESIGN), 1 to 3 (ledger)",
            {*(("DESIGN", n) for n in (1, 2, 3)), *(("ledger", n) for n in (1, 2, 3))},
        ),
        ("Invariant 5 (something else), of 7 people", set()),
    ],
)
def test_names_are_read_as_they_are_written(text, expected):
    assert expected == numbers(text)


def test_every_invariant_has_a_property_test_that_names_it():
    named = Counter(n for said in docstrings() if said.is_property for n in numbers(said.text))
    known = {("DESIGN", n) for n in DESIGN} | {("ledger", n) for n in LEDGER}
    print("\n".join(f"{n:3} {which:6} {named[which, n]:3} tests" for which, n in sorted(known)))
    assert (10, 26) == (len(DESIGN), len(LEDGER))
    assert set() == known - named.keys()


def test_no_docstring_names_an_invariant_that_there_is_not_or_names_it_otherwise():
    known = {("DESIGN", n) for n in DESIGN} | {("ledger", n) for n in LEDGER}
    odd = [
        said.where
        for said in docstrings()
        if numbers(said.text) - known or (_SPOKEN_OF.search(said.text) and not numbers(said.text))
    ]
    assert [] == odd
