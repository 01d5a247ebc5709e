"""What becomes of deposits: whose they are, what counts of them, and why not where it does not.

Pure. What is given must be whole: all deposits that share an id or a scale's record number with
one of them, and all corrections of theirs. Then the order and the batches they came in are nothing.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.facts.waste import KG, OPERATOR, Correction, Deposit
from ledger_bridge.books.policy.fractions import WasteKind
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.edits import DepositDecided, ScaleVerified
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.registry.waste import LEAST_DIVISIONS, SCALE_MG_MAX

# Why a deposit does not count. These wait for somebody: for a member, or for a steward.
NOBODY = "nobody"  # neither its card nor its code is anybody's
TWICE_WEIGHED = "twice-weighed"  # the scale's record number stood under another deposit before
UNIT = "unit"  # pieces of what is weighed, or the other way round
MOST = "most"  # more than one deposit may be
NO_OPERATOR = "no-operator"  # hazardous, and no operator accepted it
OVER = "over"  # more than the scale carries
WEIGHT = "weight"  # no bag weighs that, and nobody counts so many
# These do not wait.
AGAIN = "again"  # told before under the same id
WITHDRAWN = "withdrawn"  # taken back at the point
VOID = "void"  # a steward decided that it does not count
REVOKED = "revoked"  # its gateway was revoked

WAITING = (NOBODY, TWICE_WEIGHED, UNIT, MOST, NO_OPERATOR, OVER, WEIGHT)
# What a steward may accept all the same; the others have no amount or no owner to count for.
ACCEPTABLE = (TWICE_WEIGHED, MOST, NO_OPERATOR, OVER)

# Why a correction does nothing, beside that it was told before. The first two wait for a steward.
LATE = "late"
NOT_THEIRS = "not-theirs"
UNKNOWN = "unknown"  # the deposit it is about has not come
DECIDED = "decided"  # a steward has decided meanwhile

CORRECTIONS_WAITING = (LATE, NOT_THEIRS)

# A depositor may take a deposit back for five minutes; one more for a hand that is slow.
UNDO_MS = 5 * 60_000
UNDO_SLACK_MS = 60_000

# So many pieces nobody counts at once.
PIECES_MAX = 1_000


class DepositRow(NamedTuple):
    """A deposit with what is derived of it; in the order of the table's columns.

    `counts_as` is its fraction after corrections, `counted` what of it counts: all or nothing.
    `is_verified`: weighed on a verified scale in its range, or counted by an operator.
    """

    fact: Deposit
    day: str
    member: str | None
    counts_as: str
    counted: int
    is_verified: bool
    verdict: str

    def columns(self, community: str) -> tuple[Any, ...]:
        return (community, *self.fact, *self[1:])


class CorrectionRow(NamedTuple):
    """A correction with why it does nothing, "" where it does; in the order of the columns."""

    fact: Correction
    verdict: str

    def columns(self, community: str) -> tuple[Any, ...]:
        return (community, *self.fact, self.verdict)


class Judged(NamedTuple):
    deposits: list[DepositRow]
    corrections: list[CorrectionRow]


def judge(
    deposits: Iterable[Deposit],
    corrections: Iterable[Correction],
    *,
    registry: Registry,
    policies: Policies,
) -> Judged:
    """Deposits and their corrections derived, whatever order they came in."""
    about: dict[tuple[str, str], list[Correction]] = defaultdict(list)
    for correction in corrections:
        about[correction.gateway, correction.deposit].append(correction)
    judged = Judged([], [])
    told: set[tuple[str, str]] = set()
    weighed: set[str] = set()
    for fact in sorted(deposits, key=lambda f: (f.at_ms, f.gateway, f.chain, f.seq)):
        name = (fact.gateway, fact.id)
        if registry.bars(*fact[:3]):  # nor does it stand in the way of another
            judged.deposits.append(
                _row(fact, REVOKED, [], None, registry=registry, policies=policies)
            )
            continue
        odd = AGAIN if name in told else ""
        if not odd and fact.scale_record in weighed:
            odd = TWICE_WEIGHED
        told.add(name)
        if fact.scale_record:
            weighed.add(fact.scale_record)
        mine = [] if odd == AGAIN else about.pop(name, [])
        decision = registry.decisions.get(name)
        rows = _corrected(fact, mine, decision, registry)
        judged.corrections.extend(rows)
        standing = [row.fact for row in rows if not row.verdict]
        judged.deposits.append(
            _row(fact, odd, standing, decision, registry=registry, policies=policies)
        )
    judged.corrections.extend(
        CorrectionRow(orphan, UNKNOWN) for orphans in about.values() for orphan in orphans
    )
    return judged


def _corrected(
    fact: Deposit,
    corrections: list[Correction],
    decision: DepositDecided | None,
    registry: Registry,
) -> list[CorrectionRow]:
    """The corrections of a deposit in the order of its chain, and which of them stand.

    One that a gateway carried into another chain is there twice, and stands once.
    """

    def place(one: Correction) -> tuple[bool, int, str, int]:
        # Only within one chain is the order known; another one of the gateway's is a later life.
        other = one.chain != fact.chain
        return other, (one.at_ms or 0) if other else 0, one.chain, one.seq

    rows = []
    told: set[tuple[Any, ...]] = set()
    for one in sorted(corrections, key=place):
        if registry.bars(*one[:3]):
            rows.append(CorrectionRow(one, REVOKED))
            continue
        said = (one.boot, one.mono_ms, one.fraction, one.by, one.reason)
        if said in told:
            rows.append(CorrectionRow(one, AGAIN))
            continue
        told.add(said)
        verdict = ""
        if one.by != OPERATOR:
            verdict = NOT_THEIRS if one.fraction else "" if _in_time(fact, one) else LATE
        if verdict and decision:
            verdict = DECIDED
        rows.append(CorrectionRow(one, verdict))
    return rows


def _in_time(fact: Deposit, correction: Correction) -> bool:
    """Whether it was taken back while the depositor still stood there, by the gateway's stamps.

    Within one boot its monotonic time cannot be set wrong.
    """
    if correction.boot == fact.boot:
        passed_ms = correction.mono_ms - fact.mono_ms
    elif correction.at_ms is not None:
        passed_ms = correction.at_ms - fact.at_ms
    else:
        return False
    return -UNDO_SLACK_MS <= passed_ms <= UNDO_MS + UNDO_SLACK_MS


def _row(
    fact: Deposit,
    odd: str,
    corrections: list[Correction],
    decision: DepositDecided | None,
    *,
    registry: Registry,
    policies: Policies,
) -> DepositRow:
    day = day_of(fact.at_ms, policies.zone)
    in_force = policies.on(day)
    counts_as = next((c.fraction for c in reversed(corrections) if c.fraction), fact.fraction)
    kind = in_force.policy.fractions.get(counts_as) if in_force else None
    scale = registry.verified(fact.gateway, fact.device, fact.serial, fact.at_ms)
    member = _member(fact, registry)
    is_named = any(c.fraction for c in corrections)
    verdict = (
        _impossible(fact)
        or (odd if odd in {AGAIN, REVOKED} else "")
        or _decided(corrections, decision)
        or (UNIT if kind and kind.unit != fact.unit else "")
        or ("" if decision else odd or _doubtful(fact, kind, scale, is_named=is_named))
        or ("" if member else NOBODY)
    )
    return DepositRow(
        fact=fact,
        day=day,
        member=member,
        counts_as=counts_as,
        counted=0 if verdict else fact.amount,
        is_verified=_is_verified(fact, scale),
        verdict=verdict,
    )


def _member(fact: Deposit, registry: Registry) -> str | None:
    """Whose it is: the club it is given to, else whose card, else who brought the code."""
    if registry.is_member(fact.club, fact.at_ms):
        return fact.club
    for token in (fact.card, fact.claim):
        if token and (member := registry.of_card(token, fact.at_ms)):
            return member
    return None


def _impossible(fact: Deposit) -> str:
    most = SCALE_MG_MAX if fact.unit == KG else PIECES_MAX * 1000
    is_whole = fact.unit == KG or fact.amount % 1000 == 0
    return "" if 0 < fact.amount <= most and is_whole else WEIGHT


def _decided(corrections: list[Correction], decision: DepositDecided | None) -> str:
    """A steward's word is the last; without one the last correction that stands."""
    if decision:
        return "" if decision.is_accepted else VOID
    return WITHDRAWN if corrections and not corrections[-1].fraction else ""


def _doubtful(
    fact: Deposit, kind: WasteKind | None, scale: ScaleVerified | None, *, is_named: bool
) -> str:
    """What a steward must look at first. Whoever names its fraction anew is an operator."""
    if kind and kind.operator and not (fact.by_operator or is_named):
        return NO_OPERATOR
    if kind and kind.most_milli is not None and fact.amount > kind.most_milli:
        return MOST
    if scale and fact.gross_mg is not None and fact.gross_mg > scale.max_mg:
        return OVER
    return ""


def _is_verified(fact: Deposit, scale: ScaleVerified | None) -> bool:
    if fact.unit != KG:
        return fact.by_operator
    if scale is None:
        return False
    return fact.amount >= LEAST_DIVISIONS[scale.accuracy] * scale.division_mg
