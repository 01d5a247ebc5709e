"""Containers and scales of recycling points: delivered against hauled, and known weights.

Spec: OIML R 76-1:2006, 3.5 (maximum permissible errors; in service twice those of table 6).
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from ledger_bridge.books.calendar import utc_text
from ledger_bridge.books.facts.deposits import AGAIN, REVOKED, VOID, WEIGHT, WITHDRAWN
from ledger_bridge.books.facts.waste import EMPTIED, KG, ContainerEvent, KnownWeight
from ledger_bridge.books.registry.edits import ScaleVerified
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import sentences

Json = dict[str, Any]

# What may be missing of what was brought: a twentieth, for rain that dries and scales that differ,
# and 20 kg, the step of many a truck's scale.
TOLERANCE_PERCENT = 5
TOLERANCE_MG = 20_000_000

# Deposits that lie in no container. One that waits lies there all the same.
NOT_THERE = (AGAIN, REVOKED, VOID, WEIGHT, WITHDRAWN)

# Loads in divisions up to which a scale in service may be off by 1, 2 and 3 divisions, by class.
_ERROR_STEPS = {"II": (5_000, 20_000), "III": (500, 2_000), "IIII": (50, 200)}
# Scales that nobody verified are held to three divisions.
ERROR_DIVISIONS = 3
# The division of a scale that never told one: that of most scales up to 60 kg.
DIVISION_MG_DEFAULT = 20_000


class Emptying(NamedTuple):
    """One emptying of a container. `hauled_mg` is None until the haulier has told.

    `delivered_mg` was brought since the emptying before, `since_ms` None for the first.
    """

    gateway: str
    fraction: str
    id: str
    since_ms: int | None
    at_ms: int
    delivered_mg: int
    hauled_mg: int | None


class PutDown(NamedTuple):
    """A mass that lies in a container, or lay there; `fraction` is what it counts as."""

    gateway: str
    fraction: str
    chain: str
    seq: int
    at_ms: int
    mg: int


class Step(NamedTuple):
    """A mass put into a container, or its emptying, and what lay in it before."""

    fact: ContainerEvent | PutDown
    before_mg: int

    @property
    def after_mg(self) -> int:
        return self.before_mg + self.fact.mg if isinstance(self.fact, PutDown) else 0


class Course(NamedTuple):
    """What happened at containers, one after the other; what was hauled, by gateway and emptying;
    and when each chain that says so began, by gateway and chain.
    """

    steps: list[Step]
    hauled: dict[tuple[str, str], int]
    begins: dict[tuple[str, str], int]


# A container: its point and its fraction.
Place = tuple[str, str]


class Balance(NamedTuple):
    """By container: its emptyings, oldest first, and what was put in since the last one, in mg."""

    emptyings: dict[Place, list[Emptying]]
    inside: dict[Place, int]

    @property
    def every(self) -> list[Emptying]:
        return [one for place in sorted(self.emptyings) for one in self.emptyings[place]]


def tolerance_mg(delivered_mg: int) -> int:
    """What may be missing without anybody asking. Rounded down."""
    return delivered_mg * TOLERANCE_PERCENT // 100 + TOLERANCE_MG


def is_short(one: Emptying) -> bool:
    """Whether less was hauled than was brought, beyond what dries and differs."""
    if one.hauled_mg is None:
        return False
    return one.delivered_mg > one.hauled_mg + tolerance_mg(one.delivered_mg)


def waits(one: Emptying, registry: Registry) -> bool:
    """Whether a steward has not explained yet why there was less."""
    return is_short(one) and (one.gateway, one.id) not in registry.explained


def course(events: Iterable[ContainerEvent], put_down: Iterable[PutDown]) -> Course:
    """What happened at containers, in its order.

    Within a chain the order is that of its records, whatever the clock said; a chain that begins
    later is a later life of its gateway. Of several words about one emptying the last that names a
    mass holds.
    """
    events, put_down = list(events), list(put_down)
    begins: dict[tuple[str, str], int] = {}
    facts: list[ContainerEvent | PutDown] = [*events, *put_down]
    for fact in facts:
        chain = (fact.gateway, fact.chain)
        begins[chain] = min(begins.get(chain, fact.at_ms), fact.at_ms)

    def order(one: ContainerEvent | PutDown) -> tuple[int, str, int]:
        return begins[one.gateway, one.chain], one.chain, one.seq

    events.sort(key=order)
    hauled = {(e.gateway, e.emptying): e.hauled_mg for e in events if e.hauled_mg is not None}
    inside: dict[Place, int] = defaultdict(int)
    steps: list[Step] = []
    facts = [*_told_once(events), *put_down]
    for fact in sorted(facts, key=order):
        place = fact.gateway, fact.fraction
        steps.append(Step(fact, inside[place]))
        inside[place] = steps[-1].after_mg
    return Course(steps, hauled, begins)


def balance(events: Iterable[ContainerEvent], put_down: Iterable[PutDown]) -> Balance:
    """Every emptying with what was brought before it, and what came after the last."""
    steps, hauled, _ = course(events, put_down)
    found: dict[Place, list[Emptying]] = defaultdict(list)
    inside: dict[Place, int] = {}
    for step in steps:
        fact, before_mg = step
        place = fact.gateway, fact.fraction
        emptyings = found[place]
        inside[place] = step.after_mg
        if isinstance(fact, ContainerEvent):
            since_ms = emptyings[-1].at_ms if emptyings else None
            weighed = hauled.get((fact.gateway, fact.emptying))
            one = Emptying(*place, fact.emptying, since_ms, fact.at_ms, before_mg, weighed)
            emptyings.append(one)
    return Balance(found, inside)


def _told_once(events: Iterable[ContainerEvent]) -> Iterable[ContainerEvent]:
    """Each emptying once. What was told in two chains is taken from the one that deposits are."""
    found: dict[tuple[str, str], ContainerEvent] = {}
    for event in sorted(events, key=lambda e: (e.at_ms, e.gateway, e.chain, e.seq)):
        if event.event == EMPTIED:
            found.setdefault((event.gateway, event.emptying), event)
    return found.values()


def error_mg(load_mg: int, scale: ScaleVerified | None, division_mg: int) -> int:
    """How far a scale in service may be off at a load, in mg."""
    if scale is None:
        return ERROR_DIVISIONS * division_mg
    loads = _ERROR_STEPS[scale.accuracy]
    divisions = 1 + sum(load_mg > step * scale.division_mg for step in loads)
    return divisions * scale.division_mg


def told(
    db: sqlite3.Connection, community: str, gateway: str = ""
) -> tuple[list[ContainerEvent], list[PutDown]]:
    """What the tables have of containers, of all gateways or of one."""
    which = "community = ? AND gateway = ?" if gateway else "community = ?"
    of = (community, gateway) if gateway else (community,)
    events = db.execute(
        "SELECT gateway, chain, seq, at_ms, fraction, event, emptying, hauled_mg"
        f" FROM container_event WHERE {which}",
        of,
    )
    there = ", ".join("?" * len(NOT_THERE))
    put_down = db.execute(
        "SELECT gateway, counts_as, chain, seq, at_ms, amount FROM deposit"
        f" WHERE {which} AND unit = ? AND verdict NOT IN ({there})",
        (*of, KG, *NOT_THERE),
    )
    return list(map(ContainerEvent._make, events)), list(map(PutDown._make, put_down))


def _emptying(one: Emptying, registry: Registry) -> Json:
    explained = registry.explained.get((one.gateway, one.id), "")
    is_held = waits(one, registry)
    sentence, zin = sentences.LESS_HAULED if is_held else ("", "")
    found = {
        "kind": "emptying",
        "emptying": one.id,
        "gateway": one.gateway,
        "fraction": one.fraction,
        "since": utc_text(one.since_ms) if one.since_ms is not None else "",
        "at": utc_text(one.at_ms),
        "delivered_mg": one.delivered_mg,
        "hauled_mg": one.hauled_mg,
        "explained": explained,
        "state": "held" if is_held else "open" if one.hauled_mg is None else "agreed",
        "sentence": sentence,
        "zin": zin,
    }
    command = f'meterkast container explain {one.gateway}/{one.id} --reason "…"'
    return {**found, "try": command} if is_held else found


def held_emptyings(db: sqlite3.Connection, community: str, *, registry: Registry) -> list[Json]:
    """Emptyings that wait for a steward. What was credited for them stays."""
    every = balance(*told(db, community)).every
    return [_emptying(one, registry) for one in every if waits(one, registry)]


def containers(db: sqlite3.Connection, community: str, *, registry: Registry) -> list[Json]:
    """Each container: what was brought since it was emptied last, and its emptyings."""
    found = balance(*told(db, community))
    return [
        {
            "gateway": gateway,
            "fraction": fraction,
            "inside_mg": found.inside[gateway, fraction],
            "emptyings": [_emptying(one, registry) for one in found.emptyings[gateway, fraction]],
        }
        for gateway, fraction in sorted(found.inside)
    ]


def known_weights(db: sqlite3.Connection, community: str, *, registry: Registry) -> list[Json]:
    """The newest known weight on each scale, and whether the scale was too far off."""
    rows = db.execute(
        "SELECT gateway, chain, seq, at_ms, device, serial, nominal_mg, shown_mg, division_mg"
        " FROM known_weight WHERE community = ? ORDER BY gateway, device, at_ms, chain, seq",
        (community,),
    )
    newest = {(one.gateway, one.device): one for one in (KnownWeight(*row) for row in rows)}
    found = []
    for (gateway, device), one in newest.items():
        scale = registry.verified(gateway, device, one.serial, one.at_ms)
        most = error_mg(one.nominal_mg, scale, one.division_mg or DIVISION_MG_DEFAULT)
        is_off = abs(one.shown_mg - one.nominal_mg) > most
        sentence, zin = sentences.OFF if is_off else ("", "")
        found.append(
            {
                "gateway": gateway,
                "device": device,
                "serial": one.serial,
                "at": utc_text(one.at_ms),
                "nominal_mg": one.nominal_mg,
                "shown_mg": one.shown_mg,
                "error_mg_max": most,
                "verified": scale is not None,
                "sentence": sentence,
                "zin": zin,
            }
        )
    return found


def turned_away(db: sqlite3.Connection, community: str) -> list[Json]:
    """How often each point turned something away, by reason."""
    rows = db.execute(
        "SELECT gateway, reason, count(*), max(at_ms) FROM (SELECT DISTINCT"
        " gateway, at_ms, reason, fraction, gross_mg FROM turned WHERE community = ?)"
        " GROUP BY gateway, reason ORDER BY gateway, reason",
        (community,),
    )
    return [
        {"gateway": gateway, "reason": reason, "times": times, "last": utc_text(last_ms)}
        for gateway, reason, times, last_ms in rows
    ]
