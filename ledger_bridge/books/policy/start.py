"""When a policy may begin: at a local midnight to come, where every period begins that it touches,
and never in what is closed.
"""

from collections.abc import Iterator

from gateway.contract.errors import Problem
from gateway.contract.record import to_json
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.policy.mistakes import boundary
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy


def problems(
    new: Policy, policies: Policies, *, closed_until: str, now_ms: int, where: str
) -> Iterator[Problem]:
    """Everything that keeps a policy from following these.

    The first policy of a community may begin when it likes: nothing was promised before it.
    `closed_until` is the last closed day, "" where none is.
    """
    place = f"{where}: valid_from"
    if new.day <= closed_until:
        what = f"the books are closed up to {closed_until}"
        yield Problem(what, place, f"choose a day after {closed_until}")
    if not policies.in_order:
        return
    last = policies.in_order[-1].policy
    today = day_of(now_ms, last.time_zone)
    if new.day <= max(today, last.day):
        what = "rules cannot reach back: a policy takes effect at a midnight to come"
        yield Problem(what, place, f"choose a day after {max(today, last.day)}")
    if new.time_zone != last.time_zone:
        what = f"the time zone of a community stays {last.time_zone}"
        yield Problem(what, f"{where}: time_zone", f'time_zone = "{last.time_zone}"')
    yield from counted_otherwise(new, policies, where=where)
    if odd := boundary(new.day, last.weeks | new.weeks):
        what, try_ = odd
        yield Problem(what, place, try_)


def counted_otherwise(new: Policy, policies: Policies, *, where: str) -> Iterator[Problem]:
    """Each asset that would be another thing under the same code: what accounts hold of it would
    mean something else, and the debts of a trial would count one day.
    """
    known = {code: asset for one in policies.in_order for code, asset in one.policy.assets.items()}
    for code, asset in new.assets.items():
        old = known.get(code, asset)
        for key in ("unit", "scale", "kind", "shadow"):
            was, is_ = getattr(old, key), getattr(asset, key)
            if was != is_:
                kept = f"{key} = {to_json(was).decode()}"
                what, place = f"accounts hold {code} with {kept}", f"{where}: assets.{code}.{key}"
                yield Problem(what, place, f"{kept}, or give the new one another code")


def left_out(new: Policy, before: Policy) -> Iterator[str]:
    """What the policy of before has and this one has not: meant, or forgotten."""
    if kinds := ", ".join(name for name in before.fractions if name not in new.fractions):
        yield f"kinds of waste that are left out from then on: {kinds}; they earn nothing"
    if assets := ", ".join(code for code in before.assets if code not in new.assets):
        yield f"assets that are left out from then on: {assets}; nothing earns them any more"
