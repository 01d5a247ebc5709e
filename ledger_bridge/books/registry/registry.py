"""Who is who, as of some edit. Names are kept elsewhere."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import PublicKey
from ledger_bridge.books.registry.edits import (
    CountsDecided,
    DepositDecided,
    Founded,
    GatewayRekeyed,
    ScaleVerified,
)


class Fit(NamedTuple):
    """A meter fit with its end: the next fit of the same device and serial.

    `share` is "" where all of it takes part, `sources` are declared, see MeterFitted.
    """

    member: str
    serial: str
    from_ms: int
    until_ms: int | None
    rated_w: int
    per_pulse: str = ""
    anew: bool = False
    point: str = ""
    share: str = ""
    sources: frozenset[str] = frozenset()
    production: str = ""
    digits: int = 0
    behind: bool = False

    def covers(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


# What an account is for that is no member's. Issuance comes with the founding.
POOL, RETIRED, CANCELLED = "pool", "retired", "cancelled"
CLEARING, SUPPLIER = "clearing", "supplier"
ROLES = (POOL, RETIRED, CANCELLED, CLEARING, SUPPLIER)


class Account(NamedTuple):
    """An account that is no member's: its random id and its role."""

    id: str
    role: str


class Limit(NamedTuple):
    """What acts may bring an account to, in smallest units; None is what the policy says."""

    floor: int | None
    ceiling: int | None


class Bar(NamedTuple):
    """What a revoked gateway says does not count: from these numbers of its chains on, until those
    from which another key counts; None while it has none. A chain not named began later.
    """

    since: dict[str, int]
    until: dict[str, int] | None

    def ending(self, until: dict[str, int]) -> "Bar":
        """The same, over from these numbers on, unless it was over before."""
        return self if self.until is not None else self._replace(until=until)

    def holds(self, chain: str, seq: int) -> bool:
        if self.until is not None and seq >= self.until.get(chain, 1):
            return False
        return seq >= self.since.get(chain, 1)


@dataclass(frozen=True, slots=True)
class Registry:
    """The community as of some edit: `accounts` by member, `others` by name, `limits` by holder and
    asset, `left` by member since when, `erased` those of whom nothing is kept, `keys` by gateway as
    it was admitted, `cards` (keyed hash) to member, `revoked` by card since when, `scales` by
    gateway and device, `decisions` and `explained` by gateway and deposit or emptying. `bridge` is
    the bridge's key in use, `rotations` what led to it since the founding, or since stewards gave
    it another, which they did so often: `recoveries`. `log` is the log's key in use, `log_keys` all
    it ever had, `handovers` what led from one to the next; `epoch` counts its beginnings.
    `points` were fitted at these places, by gateway and device; `counts` were decided there, and
    `productions` are devices that measure what is produced behind the meters at others.
    `barred` says of gateways that were revoked what does not count.
    `asked` of `stewards` must sign a policy; `terms` is how often they were named anew.
    """

    community: str
    founded: Founded | None = None
    stewards: tuple[str, ...] = ()
    asked: int = 0
    past_stewards: tuple[str, ...] = ()
    terms: int = 0
    bridge: str = ""
    rotations: tuple[str, ...] = ()
    recoveries: int = 0
    log: str = ""
    log_keys: tuple[str, ...] = ()
    handovers: tuple[str, ...] = ()
    epoch: int = 1
    accounts: dict[str, str] = field(default_factory=dict)
    others: dict[str, Account] = field(default_factory=dict)
    limits: dict[tuple[str, str], Limit] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()
    keys: dict[str, PublicKey] = field(default_factory=dict)
    rekeyed: dict[str, tuple[GatewayRekeyed, ...]] = field(default_factory=dict)
    barred: dict[str, tuple[Bar, ...]] = field(default_factory=dict)
    fits: dict[tuple[str, str], tuple[Fit, ...]] = field(default_factory=dict)
    points: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    counts: dict[tuple[str, str], tuple[CountsDecided, ...]] = field(default_factory=dict)
    productions: dict[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    scales: dict[tuple[str, str], tuple[ScaleVerified, ...]] = field(default_factory=dict)
    decisions: dict[tuple[str, str], DepositDecided] = field(default_factory=dict)
    explained: dict[tuple[str, str], str] = field(default_factory=dict)

    def account(self, holder: str) -> str | None:
        """The account of a member, or the one that goes by this name."""
        if holder in self.others:
            return self.others[holder].id
        return self.accounts.get(holder)

    def holder_of(self, account: str) -> str | None:
        """Whose account this is: a member, or the name it goes by."""
        for name, other in self.others.items():
            if other.id == account:
                return name
        return next((member for member, one in self.accounts.items() if one == account), None)

    def is_member(self, member: str, at_ms: int) -> bool:
        """Whether what is brought or done at this time counts for them."""
        return member in self.accounts and at_ms < self.left.get(member, at_ms + 1)

    def of_card(self, card: str, at_ms: int) -> str | None:
        """Whose card, or code on a slip, this is at a time. It may be given to them later."""
        member = self.cards.get(card)
        if member is None or at_ms >= self.revoked.get(card, at_ms + 1):
            return None
        return member if self.is_member(member, at_ms) else None

    def of_role(self, role: str) -> tuple[str, ...]:
        """The names of the accounts with this role."""
        return tuple(name for name, one in self.others.items() if one.role == role)

    def first_key(self, gateway: str) -> str:
        """The key by the stewards' last word: what the gateway handed on itself follows from it."""
        rekeyed = self.rekeyed.get(gateway)
        return rekeyed[-1].key if rekeyed else self.keys[gateway].x

    def is_barred(self, gateway: str) -> bool:
        """Whether nothing new of this gateway counts: it is revoked, and has no other key yet."""
        return any(bar.until is None for bar in self.barred.get(gateway, ()))

    def bars(self, gateway: str, chain: str, seq: int) -> bool:
        """Whether this record does not count, because its gateway was revoked."""
        return any(bar.holds(chain, seq) for bar in self.barred.get(gateway, ()))

    def must_know(self, member: str, where: str) -> None:
        """Raises PeopleError where there is no such member, or nothing of them is kept."""
        if member not in self.accounts:
            raise refuse(f"no member {member!r}", where, f"meterkast member add {member}")
        if member in self.erased:
            raise refuse(f"{member} has left and was erased", where, "a member of another id")

    def must_have(self, gateway: str, where: str) -> None:
        """Raises PeopleError where no such gateway is admitted."""
        if gateway not in self.keys:
            raise refuse(f"no gateway {gateway!r}", where, "meterkast hub gateways lists them")

    def verified(self, gateway: str, device: str, serial: str, at_ms: int) -> ScaleVerified | None:
        """The verification of a scale that holds at a time, by the newest edit that begins before.

        Many scales do not tell their number (""): then whichever is there is meant.
        """
        for edit in reversed(self.scales.get((gateway, device), ())):
            if serial in {"", edit.serial} and edit.from_ms <= at_ms:
                return edit if at_ms < edit.until_ms else None
        return None

    def fit(self, gateway: str, device: str, serial: str, at_ms: int) -> Fit | None:
        """The fit that serves a reading; one that names the serial goes before one for any."""
        best = None
        for fit in self.fits.get((gateway, device), ()):
            if fit.serial not in {"", serial} or at_ms < fit.from_ms:
                continue
            if fit.until_ms is not None and at_ms >= fit.until_ms:
                continue
            if best is None or (fit.serial and not best.serial):
                best = fit
        return best

    def fit_of_point(self, point: str, at_ms: int) -> Fit | None:
        """The fit of a meter point at a time, wherever it hangs."""
        for place in reversed(self.points.get(point, ())):
            for fit in reversed(self.fits[place]):
                if fit.point == point and fit.covers(at_ms):
                    return fit
        return None

    def is_production(self, gateway: str, device: str, at_ms: int) -> bool:
        """Whether a device measures what is produced behind another one's meter at a time."""
        return any(
            fit.production == f"{gateway}/{device}" and fit.covers(at_ms)
            for place in self.productions.get((gateway, device), ())
            for fit in self.fits.get(place, ())
        )

    def decided(
        self, gateway: str, device: str, register: str, serial: str, at_ms: int
    ) -> bool | None:
        """Whether a steward decided that this count counts, or that it does not; None: neither."""
        for one in reversed(self.counts.get((gateway, device), ())):
            is_about = one.serial == serial and one.register in {"", register}
            if is_about and one.from_ms <= at_ms < one.until_ms:
                return one.is_accepted
        return None


def refuse(what: str, where: str, try_: str) -> PeopleError:
    """An edit that contradicts what is there."""
    return PeopleError(Problem(what, where, try_))
