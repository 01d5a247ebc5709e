"""What was put into each container since it was emptied, and what the haulier weighed of it.

The sums stand in a table of the journal, written with the records that they come from: a container
may take longer to fill than records are kept.
"""

from typing import NamedTuple

from gateway.journal import Journal

# Two years of a container that is emptied every week.
EMPTYINGS_MAX = 104

_DELIVER = """
INSERT INTO container (community, gateway, fraction, emptying, delivered_mg, pieces)
VALUES (:community, :gateway, :fraction, '', :mass_mg, :pieces)
ON CONFLICT DO UPDATE
SET delivered_mg = delivered_mg + excluded.delivered_mg, pieces = pieces + excluded.pieces
"""
# What was put in before an emptying is corrected there.
_CORRECT = """
UPDATE container SET delivered_mg = delivered_mg + :mass_mg, pieces = pieces + :pieces
WHERE community = :community AND gateway = :gateway AND fraction = :fraction AND up_to = (
    SELECT MIN(up_to) FROM container
    WHERE community = :community AND gateway = :gateway AND fraction = :fraction AND up_to >= :seq
)
"""
_EMPTY = """
UPDATE container
SET emptying = :emptying, up_to = :seq, emptied_ms = :at_ms, hauled_mg = :hauled_mg
WHERE community = :community AND gateway = :gateway AND fraction = :fraction AND emptying = ''
"""
_FORGET = """
DELETE FROM container
WHERE community = :community AND gateway = :gateway AND fraction = :fraction AND up_to <= (
    SELECT up_to FROM container
    WHERE community = :community AND gateway = :gateway AND fraction = :fraction
        AND up_to IS NOT NULL
    ORDER BY up_to DESC LIMIT 1 OFFSET :most
)
"""
_HAUL = """
UPDATE container SET hauled_mg = :hauled_mg
WHERE community = :community AND gateway = :gateway AND emptying = :emptying
"""
_ALL = """
SELECT fraction, emptying, up_to, emptied_ms, delivered_mg, pieces, hauled_mg FROM container
WHERE community = :community AND gateway = :gateway ORDER BY up_to DESC
"""


class Emptying(NamedTuple):
    """What was put in before a container was emptied; `hauled_mg` None until it is known."""

    emptying: str
    at_ms: int | None
    delivered_mg: int
    pieces: int
    hauled_mg: int | None


class Container(NamedTuple):
    """What was put in since the last emptying; emptyings with the newest first."""

    fraction: str
    unit: str
    delivered_mg: int
    pieces: int
    full_mg: int | None
    emptyings: tuple[Emptying, ...] = ()

    @property
    def is_full(self) -> bool:
        return self.full_mg is not None and self.delivered_mg >= self.full_mg


class _Held(NamedTuple):
    """What the table says of one fraction; `last_seq` is the record of the last emptying."""

    delivered_mg: int = 0
    pieces: int = 0
    last_seq: int = 0
    emptyings: tuple[Emptying, ...] = ()


class Containers:
    """The sums in the journal; what changes them is written with the next commit."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: dict[str, _Held] = {}
        self.look()

    def look(self) -> None:
        """Take up what has been committed."""
        self._held = {}
        for fraction, emptying, seq, at_ms, mass_mg, pieces, hauled_mg in self._journal.ask(_ALL):
            held = self._held.get(fraction, _Held())
            if seq is None:
                held = held._replace(delivered_mg=mass_mg, pieces=pieces)
            else:
                emptied = Emptying(emptying, at_ms, mass_mg, pieces, hauled_mg)
                held = held._replace(
                    last_seq=max(seq, held.last_seq), emptyings=(*held.emptyings, emptied)
                )
            self._held[fraction] = held

    def deliver(self, fraction: str, *, mass_mg: int, pieces: int) -> None:
        values: dict[str, str | int | None] = {"mass_mg": mass_mg, "pieces": pieces}
        self._journal.beside(_DELIVER, fraction=fraction, **values)

    def correct(self, fraction: str, *, mass_mg: int, pieces: int, seq: int) -> None:
        """More or less was put in by the deposit with record number `seq`."""
        if seq <= self._held.get(fraction, _Held()).last_seq:
            values: dict[str, str | int | None] = {"mass_mg": mass_mg, "pieces": pieces}
            self._journal.beside(_CORRECT, fraction=fraction, seq=seq, **values)
        else:
            self.deliver(fraction, mass_mg=mass_mg, pieces=pieces)

    def empty(
        self, fraction: str, *, emptying: str, seq: int, at_ms: int | None, hauled_mg: int | None
    ) -> None:
        self.deliver(fraction, mass_mg=0, pieces=0)  # also where nothing was put in
        self._journal.beside(
            _EMPTY,
            fraction=fraction,
            emptying=emptying,
            seq=seq,
            at_ms=at_ms,
            hauled_mg=hauled_mg,
        )
        self._journal.beside(_FORGET, fraction=fraction, most=EMPTYINGS_MAX)

    def haul(self, emptying: str, *, hauled_mg: int) -> None:
        self._journal.beside(_HAUL, emptying=emptying, hauled_mg=hauled_mg)

    def fractions(self) -> list[str]:
        """What is in a container now, or was in one that was emptied."""
        return sorted(self._held)

    def fraction_of(self, emptying: str) -> str:
        """What was emptied then, "" where nothing was."""
        for fraction, held in self._held.items():
            if any(one.emptying == emptying for one in held.emptyings):
                return fraction
        return ""

    def all(self, units: dict[str, str], full: dict[str, int]) -> tuple[Container, ...]:
        """A container of every fraction in `units`; `full` says from which mass on it is full."""
        found = []
        for fraction, unit in units.items():
            held = self._held.get(fraction, _Held())
            found.append(
                Container(
                    fraction,
                    unit,
                    held.delivered_mg,
                    held.pieces,
                    full.get(fraction),
                    held.emptyings,
                )
            )
        return tuple(found)
