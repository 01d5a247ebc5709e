"""What can happen at a recycling point, and what comes of it: the words of the deposit session."""

from collections.abc import Mapping
from typing import NamedTuple


class Fraction(NamedTuple):
    """A kind of waste as the policy declares it; `unit` is "kg" or "piece".

    `by_operator` fractions (hazardous ones) are accepted only with an operator at the point.
    `most` is the most that one deposit may be, in mg or pieces; None for what the scale carries.
    """

    id: str
    unit: str
    nl: str
    en: str
    by_operator: bool = False
    most: int | None = None


class Crate(NamedTuple):
    """A crate of the point's own, of which the empty weight is known."""

    id: str
    tare_mg: int
    nl: str
    en: str


class Club(NamedTuple):
    """A club that deposits may be given to: a member, declared in the policy."""

    id: str
    nl: str
    en: str


class Terms(NamedTuple):
    """What a session goes by: the policy's offer, and the point's own settings.

    `division_mg` is the scale's division d. With `steady_by_clock` a scale that says "unstable"
    for ever is judged by time alone. `broken` is why nothing can be accepted whatever the rules
    say, "" where it can.
    """

    fractions: Mapping[str, Fraction]
    crates: Mapping[str, Crate]
    clubs: Mapping[str, Club]
    division_mg: int
    steady_by_clock: bool = False
    broken: str = ""

    def closed(self) -> str:
        """The word of why the point takes nothing, "" where it does."""
        return self.broken or ("" if self.fractions else "no_rules")


# Events


class Card(NamedTuple):
    """A card or code was read; `token` is its keyed hash."""

    token: str


class Choose(NamedTuple):
    """A fraction, by touch or by its button."""

    fraction: str


class Pieces(NamedTuple):
    """How many, of a fraction that is counted."""

    number: int


class UseCrate(NamedTuple):
    """The crate that the load is in; "" for none."""

    crate: str


class NoCard(NamedTuple):
    """The depositor has no card here: keep it under the code on the slip."""


class ForClub(NamedTuple):
    """The credit is for this club."""

    club: str


class Confirm(NamedTuple):
    """Keep it."""


class Cancel(NamedTuple):
    """Begin again."""


class Undo(NamedTuple):
    """Take the last deposit back."""


class Operator(NamedTuple):
    """An operator has come (their PIN was right) or gone."""

    is_here: bool


class NotAccepted(NamedTuple):
    """The operator turns it away; `reason` is one of `REASONS`."""

    reason: str


class Weight(NamedTuple):
    """What the scale says; net = gross - tare. `steady` is "yes", "no" or "unjudged".

    `serial` and `alibi` are the scale's own, "" where it has none; `raw` is its line.
    """

    net_mg: int
    gross_mg: int
    tare_mg: int
    steady: str
    serial: str = ""
    alibi: str = ""
    raw: bytes = b""


class OutOfRange(NamedTuple):
    """The scale is over or under its range; `which` is "over" or "under"."""

    which: str


class Unreadable(NamedTuple):
    """The scale said something that is no weight to go by: a fault's kind, such as "unit"."""

    kind: str


class ScaleGone(NamedTuple):
    """The scale's line was lost."""


class Tick(NamedTuple):
    """Only time has passed."""


class NotKept(NamedTuple):
    """The journal could not commit what was handed out: it was never accepted."""


class Kept(NamedTuple):
    """The journal has committed what was handed out; a deposit is called `deposit` from now on."""

    deposit: str


Event = (
    Card
    | Choose
    | Pieces
    | UseCrate
    | NoCard
    | ForClub
    | Confirm
    | Cancel
    | Undo
    | Operator
    | NotAccepted
    | Weight
    | OutOfRange
    | Unreadable
    | ScaleGone
    | Tick
    | Kept
    | NotKept
)

# Why an operator turns something away.
REASONS = ("mixed", "dirty", "wrong", "unsafe", "full")


# Outcomes, for the journal


class Deposit(NamedTuple):
    """To be committed before "accepted" is shown.

    `card` and `club` are "" where there is none; with neither it is kept under a code. `net_mg` is
    what counts, the crate's `crate_mg` taken off; None for a fraction in pieces. `weight` was seen
    `times` in a row.
    """

    fraction: str
    card: str
    club: str
    net_mg: int | None
    pieces: int | None
    weight: Weight | None
    times: int
    crate: str = ""
    crate_mg: int = 0
    by_operator: bool = False


class Undone(NamedTuple):
    """A deposit that its own depositor takes back; committed before it is shown."""

    deposit: str


class Refused(NamedTuple):
    """Something that was not accepted, of nobody in particular. `gross_mg` None: not weighed."""

    reason: str
    fraction: str
    gross_mg: int | None


Outcome = Deposit | Undone | Refused
