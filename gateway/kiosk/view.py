"""What the screen and the lamps show: the one picture of a recycling point at a moment."""

from typing import NamedTuple

# The screens. CLEAR: something lies there from before. CLOSED: the point cannot accept anything.
PUT, WHAT, WHOSE, SLIP, REFUSED, CLEAR, CLOSED = (
    "put",
    "what",
    "whose",
    "slip",
    "refused",
    "clear",
    "closed",
)

# What is known of a deposit: kept here; received by the hub; and what the hub said of it.
KEPT, SENT, CREDITED, COUNTED, HELD, WITHDRAWN = (
    "kept",
    "sent",
    "credited",
    "counted",
    "held",
    "withdrawn",
)


class Slip(NamedTuple):
    """The deposit on the screen. `code` claims it where no known card does, "K7QM-3RXA".

    `amount` of `asset` is what the hub has credited, "" until it said so; `nl` and `en` say why it
    waits or earns nothing. `undo_s`: so long it can still be taken back here.
    """

    deposit: str
    fraction: str
    net_mg: int | None
    pieces: int | None
    code: str
    state: str
    amount: str
    asset: str
    nl: str
    en: str
    undo_s: int


class View(NamedTuple):
    """`word` names the sentence, which `nl` and `en` spell out.

    `net_mg` is the live net weight, the crate taken off, None where the scale says none.
    `steady_pct` goes from 0 to 100 as it settles. `who` is "", "card", "code" or "club". `about`
    is the credit that it may come to by the last signed policy, "" where none is known. `left_s`
    counts down to the idle reset, None where nothing is under way.
    """

    screen: str
    word: str
    nl: str
    en: str
    net_mg: int | None = None
    steady_pct: int = 0
    fraction: str = ""
    pieces: int = 0
    crate: str = ""
    who: str = ""
    club: str = ""
    about: str = ""
    asset: str = ""
    can_confirm: bool = False
    can_undo: bool = False
    left_s: int | None = None
    operator: bool = False
    link: str = "down"
    slip: Slip | None = None
