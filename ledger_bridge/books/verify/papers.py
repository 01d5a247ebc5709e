"""The part of `verify` that is about what stewards signed: registry edits, policies, evidence."""

from collections.abc import Iterator
from itertools import pairwise

from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.community import load_policies, load_registry
from ledger_bridge.books.facts import papers
from ledger_bridge.books.policy.mistakes import boundary
from ledger_bridge.books.policy.start import counted_otherwise
from ledger_bridge.books.registry.holders import rows
from ledger_bridge.books.verify.look import Differs, Look


def registry(look: Look) -> None:
    """Every edit is there, and as it was signed."""
    for seq, (number,) in enumerate(
        look.rows("SELECT seq FROM registry_edit WHERE community = ? ORDER BY seq"), start=1
    ):
        if number != seq:
            raise Differs(f"registry edit {seq} is missing", "registry_edit")
    try:
        look.registry = load_registry(look.db, look.community)
    except (Malformed, PeopleError) as error:
        raise Differs(f"an edit is not as it was signed: {error}", "registry_edit") from error
    if look.registry.founded is None:
        raise Differs("nobody founded this community", "registry_edit")
    if look.log_key.x not in look.registry.log_keys:
        raise Differs("the log's key is not one that founders or stewards named", "registry_edit")
    look.compare("holder", rows(look.registry))


def policies(look: Look) -> None:
    """Every policy is as it was signed, and begins where it may."""
    try:
        look.policies = load_policies(look.db, look.community, look.registry)
    except (Malformed, PeopleError) as error:
        raise Differs(f"a policy is not as it was signed: {error}", "policy") from error
    stored = look.rows(
        "SELECT valid_from, hash FROM policy WHERE community = ? ORDER BY valid_from"
    )
    for (day, hashed), in_force in zip(stored, look.policies.in_order, strict=True):
        if day != in_force.policy.day:
            raise Differs(f"it is in force from {in_force.policy.day}", f"policy {day}")
        if hashed != in_force.hash:
            raise Differs(f"its hash is {in_force.hash}", f"policy {day}")
    for old, new in pairwise(one.policy for one in look.policies.in_order):
        if odd := boundary(new.day, old.weeks | new.weeks):
            raise Differs(odd[0], f"policy {new.day}")
    for one in look.policies.in_order:
        for problem in counted_otherwise(
            one.policy, look.policies, where=f"policy {one.policy.day}"
        ):
            raise Differs(problem.what, problem.where)


def evidence(look: Look) -> Iterator[tuple[int, papers.Paper]]:
    """Every paper with its number, as it was signed; of those that are erased see closing.py."""
    for seq, data in look.rows(
        "SELECT seq, data FROM paper WHERE community = ? AND data != x'' ORDER BY seq"
    ):
        try:
            yield seq, papers.read(data, look.registry)
        except Malformed as error:
            raise Differs(f"it is not as it was signed: {error}", f"paper {seq}") from error
