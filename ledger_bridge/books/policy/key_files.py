"""The files of coefficients that a policy names, as stewards handed them in; and whether it names
members and files that are there.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from functools import lru_cache

from gateway.contract.errors import Problem
from ledger_bridge.books.facts import papers
from ledger_bridge.books.policy.coefficients import Coefficients, KeyFile, paper_name
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.sharing_keys import CoefficientFile, Sharing
from ledger_bridge.books.registry.registry import Registry

# By their SHA-256.
Files = Mapping[str, Coefficients]


def files_of(policy: Policy) -> dict[str, CoefficientFile]:
    """What the rules of a policy name, by SHA-256."""
    return {
        rule.coefficients.sha256: rule.coefficients
        for rule in policy.rules
        if isinstance(rule, Sharing) and rule.coefficients
    }


# A year of 100 members takes some 10 MB and a second to read.
@lru_cache(maxsize=4)
def parsed(text: str) -> Coefficients:
    """The lines of a file; the last few are kept in mind."""
    return Coefficients(text)


def stored(db: sqlite3.Connection, community: str, policy: Policy, registry: Registry) -> Files:
    """The files of a policy that are among the papers."""
    found = {}
    for sha256 in files_of(policy):
        row = db.execute(
            "SELECT data FROM paper WHERE community = ? AND name = ?",
            (community, paper_name(sha256)),
        ).fetchone()
        if row:
            (file,) = papers.read(row[0], registry).said
            assert isinstance(file, KeyFile)
            found[sha256] = parsed(file.text)
    return found


def problems(policy: Policy, registry: Registry, files: Files, *, where: str) -> Iterator[Problem]:
    """Each member with a share whom nobody knows, and each file that is not there."""
    for number, rule in enumerate(policy.rules):
        if not isinstance(rule, Sharing):
            continue
        place = f"{where}: rules.{number}"
        names = set(rule.shares)
        if rule.coefficients:
            file = files.get(rule.coefficients.sha256)
            if file is None:
                what = f"nobody handed in {rule.coefficients.file} with this SHA-256"
                yield Problem(what, f"{place}.coefficients", "put it beside the policy")
            names |= set(file.members if file else ())
        for name in sorted(names - registry.accounts.keys()):
            what = f"rule {rule.id!r} shares with {name!r}, and no member is called so"
            yield Problem(what, place, f"meterkast member add {name}")
