"""The part of `verify` that shares the energy of every day once more, from counters that were
compared by now.
"""

from ledger_bridge.books import rules
from ledger_bridge.books.closing.sealed import Sealed
from ledger_bridge.books.policy.key_files import files_of, stored
from ledger_bridge.books.settle.ripe import Ripeness
from ledger_bridge.books.settle.shared_days import Day, Moved, Reckoner
from ledger_bridge.books.settle.unshared import sharing
from ledger_bridge.books.verify.look import Differs, Look


def shared(look: Look) -> None:
    """What everybody took and gave, day by day. Of marked days, which are still to be reckoned, the
    books are not believed: what is due for them is reckoned from what is found here.
    """
    reckoner = Reckoner(look.db, look.community, look.registry, look.policies)
    ripeness = Ripeness(look.db, look.community, look.registry, look.policies.zone)
    marked = set(look.rows("SELECT rule, day FROM unshared WHERE community = ?"))
    _files_are_there(look)
    sealed_up_to = Sealed.load(look.db, look.community).up_to
    for rule_id, day in sorted(_days(look) - marked):
        if day <= sealed_up_to:
            continue
        where = f"shared energy of rule {rule_id} on {day}"
        rule = sharing(look.policies, rule_id, day)
        if rule is None:
            raise Differs("no policy shares it", where)
        if not ripeness.is_ripe(day, rule.registers):
            raise Differs("it is shared before its counts are there", where)
        if not reckoner.has_counts(rule, day):
            raise Differs("it is shared, and nothing was counted on it", where)
        stored = _stored(look, rule_id, day)
        if stored is None:
            raise Differs("it is not shared", where)
        _compare(stored, reckoner.day(rule, day), where)
    for rule_id, day in sorted(marked):
        if day > sealed_up_to:
            rule = sharing(look.policies, rule_id, day)
            is_over = rule is not None and ripeness.is_ripe(day, rule.registers)
            look.unshared[rule_id, day] = reckoner.day(rule, day).moved if rule and is_over else {}


def _files_are_there(look: Look) -> None:
    for one in look.policies.in_order:
        there = stored(look.db, look.community, one.policy, look.registry)
        for sha256, named in files_of(one.policy).items():
            if sha256 not in there:
                what = f"the coefficients in {named.file} are not among the papers"
                raise Differs(what, f"policy {one.hash}")


def _days(look: Look) -> set[tuple[str, str]]:
    """The days that are shared by the books, and those that should be: somebody's counts are in
    them. By rule and day.
    """
    found = set(
        look.rows(
            "SELECT rule, day FROM shared_day WHERE community = ?1"
            " UNION SELECT rule, day FROM shared WHERE community = ?1"
        )
    )
    for register, day in look.rows(
        "SELECT register, day FROM counter WHERE community = ?1"
        " AND member IS NOT NULL AND delta != 0"
        " UNION SELECT register, day FROM kept WHERE community = ?1"
    ):
        in_force = look.policies.on(day)
        for rule in in_force.policy.rules if in_force else ():
            file = rules.load(rule.rule)
            if "shared" in file.READS and file.touches(rule, register):
                found.add((rule.id, day))
    return found


def _stored(look: Look, rule_id: str, day: str) -> Day | None:
    """A day as the books have it."""
    sums = look.rows(
        "SELECT produced, shared FROM shared_day WHERE community = ? AND rule = ? AND day = ?",
        rule_id,
        day,
    )
    moved = look.rows(
        "SELECT member, taken, given FROM shared WHERE community = ? AND rule = ? AND day = ?",
        rule_id,
        day,
    )
    for produced, shared_ in sums:
        return Day({name: Moved(*two) for name, *two in moved}, produced, shared_)
    return None


def _compare(stored: Day, reckoned: Day, where: str) -> None:
    nothing = Moved(0, 0)
    for name in sorted({*stored.moved, *reckoned.moved}):
        has, due = stored.moved.get(name, nothing), reckoned.moved.get(name, nothing)
        for word, has_, due_ in zip(("taken", "given"), has, due, strict=True):
            if has_ != due_:
                what = f"{due_} mWh are {word} by {name} by the evidence, the books have {has_}"
                raise Differs(what, where)
    if stored != reckoned:
        what = (
            f"{reckoned.shared} of {reckoned.produced} mWh are shared by the evidence,"
            f" the books have {stored.shared} of {stored.produced}"
        )
        raise Differs(what, where)
