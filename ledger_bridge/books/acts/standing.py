"""What an act is decided by: how things stand at its moment, and nothing else."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.book import AMOUNT_MAX, Posting
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.policy.assets import Asset, amount_text
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.registry.registry import POOL, SUPPLIER, Registry

# A reason or a reference is a sentence or two.
WORDS_MAX = 500


class Reservation(NamedTuple):
    """Credit set apart: `ended` is the booking that posted, voided or let it expire."""

    giver: str
    receiver: str
    asset: str
    amount: int
    until_ms: int
    ended: int | None = None


class Done(NamedTuple):
    """An act in the book: `undone` is the booking that reversed it."""

    kind: str
    postings: tuple[Posting, ...]
    undone: int | None


class Standing(Protocol):
    """How things stand, in the live books and in a replay of them alike."""

    @property
    def registry(self) -> Registry: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def now_ms(self) -> int: ...

    def balance(self, account: str, asset: str) -> int:
        """Smallest units."""

    def reservation(self, booking: int) -> Reservation | None:
        """None where that booking reserved nothing."""

    def done(self, booking: int) -> Done | None:
        """None where no act has this booking number."""

    def exchanged(self, exchange: str, holder: str, first: str, last: str) -> int:
        """How much a holder gave in an exchange on these local days, less what was reversed."""


# What an act leaves behind for later ones, beside its postings.


class Ended(NamedTuple):
    """A reservation is over."""

    reservation: int


class Exchanged(NamedTuple):
    exchange: str
    holder: str
    day: str
    amount: int


class Undone(NamedTuple):
    booking: int


Kept = Reservation | Ended | Exchanged | Undone


class Decided(NamedTuple):
    """The outcome of an act. `facts` go into the log beside its postings."""

    kind: str
    postings: list[Posting]
    facts: dict[str, Any]
    kept: Kept | None = None


class Move(NamedTuple):
    """So much for a holder; below zero: from them."""

    holder: str
    asset: str
    amount: int


def refuse(what: str, where: str, try_: str) -> PeopleError:
    """An act that cannot be."""
    return PeopleError(Problem(what, where, try_))


def in_force(standing: Standing, where: str) -> InForce:
    """The policy of the day."""
    found = standing.policies.on(day_of(standing.now_ms, standing.policies.zone))
    if found is None:
        raise refuse("no policy is in force yet", where, "meterkast policy activate FILE")
    return found


def asset_of(standing: Standing, code: str, where: str) -> Asset:
    """An asset that acts may move, by the policy of the day or the last before it that knew it."""
    day = day_of(standing.now_ms, standing.policies.zone)
    for one in reversed(standing.policies.in_order):
        if one.policy.day <= day and code in one.policy.assets:
            asset = one.policy.assets[code]
            if asset.shadow:
                what = f"{code} is on trial: it counts for nothing yet, and nothing can be done"
                raise refuse(what, where, "wait until a policy makes it count")
            return asset
    known = ", ".join(in_force(standing, where).policy.assets)
    raise refuse(f"no asset {code!r}", where, f"assets: {known}")


def party(standing: Standing, holder: str, where: str) -> str:
    """Somebody who may give and receive: a member, a pool or the supplier."""
    registry = standing.registry
    if holder in registry.others and registry.others[holder].role not in {POOL, SUPPLIER}:
        what = f"{holder} is an account of role {registry.others[holder].role}"
        raise refuse(what, where, "name a member, a pool or the supplier")
    if registry.account(holder) is None:
        raise refuse(f"no member {holder!r}", where, "meterkast ledger balance")
    return holder


def pool(standing: Standing, name: str, where: str) -> str:
    """A pool by its name."""
    other = standing.registry.others.get(name)
    if other is None or other.role != POOL:
        pools = ", ".join(standing.registry.of_role(POOL)) or "none; meterkast account open pool"
        raise refuse(f"no pool {name!r}", where, f"pools: {pools}")
    return name


def only(standing: Standing, role: str, where: str) -> str:
    """The name of the one account with this role."""
    names = standing.registry.of_role(role)
    if not names:
        raise refuse(f"there is no account for {role}", where, f"meterkast account open {role}")
    return names[0]


def check_amount(amount: int, where: str) -> None:
    if amount <= 0:
        raise refuse("no amount above zero", where, "say how much")
    if amount >= AMOUNT_MAX:
        raise refuse(f"{amount} is more than any account can hold", where, "a smaller amount")


def check_words(words: str, where: str, try_: str) -> None:
    """A reason or a reference is there, on one line, and no essay."""
    if not words.strip():
        raise refuse("no reason is given", where, try_)
    if len(words) > WORDS_MAX or not words.isprintable():
        raise refuse(f"not a line of at most {WORDS_MAX} characters", where, try_)


def limits(standing: Standing, holder: str, code: str, asset: Asset) -> tuple[int, int | None]:
    """The floor and the ceiling for acts: what was agreed with a holder goes before the policy.

    What the policy says is about members; an account that is nobody's never goes below zero.
    """
    is_member = holder in standing.registry.accounts
    floor, ceiling = (asset.floor_units, asset.ceiling_units) if is_member else (0, None)
    if (agreed := standing.registry.limits.get((holder, code))) is not None:
        floor = floor if agreed.floor is None else agreed.floor
        ceiling = ceiling if agreed.ceiling is None else agreed.ceiling
    return floor, ceiling


def check_moves(standing: Standing, moves: Iterable[Move], where: str) -> None:
    """Whether these holders can give and receive this much. At most one move of each per asset."""
    for move in moves:
        _check_move(standing, move, where)


def _check_move(standing: Standing, move: Move, where: str) -> None:
    holder, code, amount = move
    asset = asset_of(standing, code, where)
    held = standing.balance(_account(standing, holder), code)
    after = held + amount
    floor, ceiling = limits(standing, holder, code, asset)
    holds = f"{amount_text(held, asset.scale)} {code}"
    if amount < 0 and after < floor:
        bound = f", and the floor is {amount_text(floor, asset.scale)}" if floor else ""
        left = amount_text(max(held - floor, 0), asset.scale)
        raise refuse(f"{holder} has {holds}{bound}", where, f"at most {left} {code}")
    if amount > 0 and ceiling is not None and after > ceiling:
        bound = f", and the ceiling is {amount_text(ceiling, asset.scale)}"
        room = amount_text(max(ceiling - held, 0), asset.scale)
        raise refuse(f"{holder} has {holds}{bound}", where, f"at most {room} {code}")
    if abs(after) >= AMOUNT_MAX:
        raise refuse(f"{holder} has {holds}, and no account holds more", where, "a smaller amount")
    left_ms = standing.registry.left.get(holder)
    is_nearer = 0 <= after < held or held < after <= 0
    if left_ms is not None and left_ms <= standing.now_ms and not is_nearer:
        what = f"{holder} has left, and had {holds}"
        raise refuse(what, where, "only what brings that nearer to zero")


def postings(standing: Standing, moves: Iterable[Move]) -> list[Posting]:
    return [Posting(_account(standing, holder), asset, n) for holder, asset, n in moves if n]


def _account(standing: Standing, holder: str) -> str:
    account = standing.registry.account(holder)
    assert account is not None, f"nobody is called {holder!r}"
    return account
