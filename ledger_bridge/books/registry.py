"""Who is who: members, gateways with their keys, meter fits and cards, folded from signed edits.

An edit is evidence: appended, signed by a steward, never changed. Names are kept elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from gateway.contract import rotation, signed
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import is_id, to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.quantity import worth

REGISTRY = "mk-registry-v1"

# The largest connection of a small consumer in the Netherlands: 3 phases of 80 A at 230 V.
RATED_W_DEFAULT = 55_200
# Far above what a distribution grid connects.
RATED_W_MAX = 1_000_000_000

# Classes of scales for trade, with the least load of each in divisions: OIML R 76-1:2006, table 3.
# Below it a weighing is not verified. Class I weighs jewels.
LEAST_DIVISIONS = {"II": 50, "III": 20, "IIII": 10}
# What the largest scale of a recycling point carries: 3 t.
SCALE_MG_MAX = 3_000_000_000


class Founded(msgspec.Struct, frozen=True, tag="founded", tag_field="kind"):
    """The first edit: whose word counts from now on. Keys are JWK members `x`."""

    stewards: tuple[str, ...]
    bridge: str
    log: str
    issuance: str


class MemberAdded(msgspec.Struct, frozen=True, tag="member", tag_field="kind"):
    member: str
    account: str


class GatewayAdmitted(msgspec.Struct, frozen=True, tag="gateway", tag_field="kind"):
    gateway: str
    key: str


class GatewayRekeyed(msgspec.Struct, frozen=True, tag="rekey", tag_field="kind"):
    """The gateway's key is lost: another counts from these numbers of its chains on, (chain, first
    number), and for every chain that begins later.
    """

    gateway: str
    key: str
    chains: tuple[tuple[str, int], ...]


class BridgeRotated(msgspec.Struct, frozen=True, tag="bridge", tag_field="kind"):
    """The bridge's key hands over to another: a rotation in two lines."""

    rotation: str


class MeterFitted(msgspec.Struct, frozen=True, tag="fit", tag_field="kind"):
    """From when on the meter `serial` ("" for whichever) on this device counts for a member.

    `per_pulse` is what a pulse of its contact stands for, "1/1000 kWh" or "10 L". `anew` says that
    its count begins afresh on that day: another meter without a number of its own hangs there, or
    the meter was set back.
    """

    gateway: str
    device: str
    serial: str
    member: str
    from_ms: int
    rated_w: int = RATED_W_DEFAULT
    per_pulse: str = ""
    anew: bool = False


class CardGiven(msgspec.Struct, frozen=True, tag="card", tag_field="kind"):
    """`card` is the keyed hash of its number. Deposits made with it before count as well."""

    card: str
    member: str


class ScaleVerified(msgspec.Struct, frozen=True, tag="scale", tag_field="kind"):
    """A verification of the scale on this device: its class, and until when its mark holds.

    `accuracy` is its class by OIML R 76, `division_mg` its verification scale interval e. From
    its beginning on it goes before every earlier one, so that a mark can also be taken away.
    """

    gateway: str
    device: str
    serial: str
    accuracy: str
    division_mg: int
    max_mg: int
    from_ms: int
    until_ms: int


class DepositDecided(msgspec.Struct, frozen=True, tag="deposit", tag_field="kind"):
    """A steward has looked at a deposit: it counts, or it does not. The last word is the one."""

    gateway: str
    deposit: str
    is_accepted: bool
    reason: str


class EmptyingExplained(msgspec.Struct, frozen=True, tag="emptying", tag_field="kind"):
    """Why a container had less in it than was brought, as a steward found out."""

    gateway: str
    emptying: str
    reason: str


Edit = (
    Founded
    | MemberAdded
    | GatewayAdmitted
    | GatewayRekeyed
    | BridgeRotated
    | MeterFitted
    | CardGiven
    | ScaleVerified
    | DepositDecided
    | EmptyingExplained
)


class Edits(msgspec.Struct, frozen=True):
    """The payload of a registry document: edits that take effect together."""

    community: str
    time_ms: int
    edits: tuple[Edit, ...]


class Fit(NamedTuple):
    """A meter fit with its end: the next fit of the same device and serial."""

    member: str
    serial: str
    from_ms: int
    until_ms: int | None
    rated_w: int
    per_pulse: str = ""
    anew: bool = False


def _refuse(what: str, where: str, try_: str) -> PeopleError:
    return PeopleError(Problem(what, where, try_))


@dataclass(frozen=True, slots=True)
class Registry:
    """The community as of some edit: `keys` by gateway as it was admitted, `cards` (keyed hash) to
    member, `scales` by gateway and device, `decisions` and `explained` by gateway and deposit or
    emptying. `bridge` is the bridge's key in use, `rotations` what led to it.
    """

    community: str
    founded: Founded | None = None
    bridge: str = ""
    rotations: tuple[str, ...] = ()
    accounts: dict[str, str] = field(default_factory=dict)
    keys: dict[str, PublicKey] = field(default_factory=dict)
    rekeyed: dict[str, tuple[GatewayRekeyed, ...]] = field(default_factory=dict)
    fits: dict[tuple[str, str], tuple[Fit, ...]] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    scales: dict[tuple[str, str], tuple[ScaleVerified, ...]] = field(default_factory=dict)
    decisions: dict[tuple[str, str], DepositDecided] = field(default_factory=dict)
    explained: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def stewards(self) -> tuple[str, ...]:
        """The keys whose word counts; nobody's before the community is founded."""
        return self.founded.stewards if self.founded else ()

    def first_key(self, gateway: str) -> str:
        """The key by the stewards' last word: what the gateway handed on itself follows from it."""
        rekeyed = self.rekeyed.get(gateway)
        return rekeyed[-1].key if rekeyed else self.keys[gateway].x

    def with_edit(self, edit: Edit) -> "Registry":
        """The registry after one more edit. Raises PeopleError where the edit contradicts it."""
        match edit:
            case Founded():
                if self.founded:
                    raise _refuse("the community is founded already", self.community, "go on")
                return replace(self, founded=edit, bridge=edit.bridge)
            case MemberAdded(member, account):
                return self._with_member(member, account)
            case GatewayAdmitted() | GatewayRekeyed() | BridgeRotated():
                return self._with_key_edit(edit)
            case MeterFitted():
                return self._with_fit(edit)
            case CardGiven(card, member):
                self._must_know(member, f"card {card[:8]}…")
                return replace(self, cards={**self.cards, card: member})
            case ScaleVerified() | DepositDecided() | EmptyingExplained():
                return self._with_waste_edit(edit)

    def _with_key_edit(self, edit: GatewayAdmitted | GatewayRekeyed | BridgeRotated) -> "Registry":
        match edit:
            case GatewayAdmitted(gateway, key):
                return self._with_gateway(gateway, key)
            case GatewayRekeyed():
                return self._with_rekeying(edit)
            case BridgeRotated(said):
                return self._with_rotation(said)

    def _with_waste_edit(
        self, edit: ScaleVerified | DepositDecided | EmptyingExplained
    ) -> "Registry":
        match edit:
            case ScaleVerified():
                return self._with_scale(edit)
            case DepositDecided(gateway, deposit):
                self._must_give_a_reason(edit.reason, f"deposit {deposit}")
                return replace(self, decisions={**self.decisions, (gateway, deposit): edit})
            case EmptyingExplained(gateway, emptying, reason):
                self._must_give_a_reason(reason, f"emptying {emptying}")
                return replace(self, explained={**self.explained, (gateway, emptying): reason})

    def _must_give_a_reason(self, reason: str, where: str) -> None:
        if not reason.strip():
            raise _refuse("no reason is given", where, '--reason "what you found out"')

    def _must_know(self, member: str, where: str) -> None:
        if member not in self.accounts:
            raise _refuse(f"no member {member!r}", where, f"meterkast member add {member}")

    def _with_member(self, member: str, account: str) -> "Registry":
        if not is_id(member):
            raise _refuse(f"{member!r} is no id", "member", "use 1 to 40 of a-z, 0-9 and -")
        if member in self.accounts:
            raise _refuse(f"member {member!r} is there already", "registry", "choose another id")
        return replace(self, accounts={**self.accounts, member: account})

    def _with_gateway(self, gateway: str, key: str) -> "Registry":
        if not is_id(gateway):
            raise _refuse(f"{gateway!r} is no id", "gateway", "use 1 to 40 of a-z, 0-9 and -")
        public = self._must_be_key(key, gateway)
        known = self.keys.get(gateway)
        if known and known.x != key:
            try_ = f"a new id, or where its key is lost: meterkast hub rekey {gateway}={key}"
            raise _refuse("this gateway has another key", f"gateway {gateway}", try_)
        return replace(self, keys={**self.keys, gateway: public})

    def _must_be_key(self, key: str, gateway: str) -> PublicKey:
        try:
            return PublicKey(key)
        except ValueError as error:
            try_ = "take the line that `meterkast enrol` printed on the gateway"
            raise _refuse(f"{key!r} is no Ed25519 key", f"gateway {gateway}", try_) from error

    def _with_rekeying(self, edit: GatewayRekeyed) -> "Registry":
        where = f"gateway {edit.gateway}"
        if edit.gateway not in self.keys:
            raise _refuse(f"no gateway {edit.gateway!r}", where, "meterkast hub admit")
        self._must_be_key(edit.key, edit.gateway)
        earlier = self.rekeyed.get(edit.gateway, ())
        if edit.key in {self.keys[edit.gateway].x, *(one.key for one in earlier)}:
            raise _refuse("it had this key before", where, "make a new one: meterkast enrol")
        if any(not is_id(chain) or first < 1 for chain, first in edit.chains):
            raise _refuse("numbers of a chain begin with 1", where, "CHAIN:NUMBER")
        return replace(self, rekeyed={**self.rekeyed, edit.gateway: (*earlier, edit)})

    def _with_rotation(self, said: str) -> "Registry":
        """The bridge's key after a rotation that the key in use signed."""
        try:
            new = rotation.follow(said.encode(), self.community, PublicKey(self.bridge))
        except ValueError as error:
            raise _refuse(str(error), "the bridge's key", "meterkast hub rotate bridge") from error
        if new.x == self.bridge:
            what = "a rotation that does not begin with the bridge's key in use"
            raise _refuse(what, "the bridge's key", "meterkast hub rotate bridge")
        return replace(self, bridge=new.x, rotations=(*self.rotations, said))

    def _with_fit(self, edit: MeterFitted) -> "Registry":
        where = f"{edit.gateway}/{edit.device}"
        self._must_know(edit.member, where)
        if edit.gateway not in self.keys:
            raise _refuse(f"no gateway {edit.gateway!r}", where, "meterkast hub admit")
        if not 0 < edit.rated_w <= RATED_W_MAX:
            raise _refuse(f"a connection of {edit.rated_w} W", where, f"1 to {RATED_W_MAX} W")
        if edit.per_pulse:
            try:
                worth(edit.per_pulse)
            except ValueError as error:
                raise _refuse(str(error), where, 'such as "1/1000 kWh"') from error
        new = Fit(
            edit.member,
            edit.serial,
            edit.from_ms,
            None,
            edit.rated_w,
            edit.per_pulse,
            edit.anew,
        )
        earlier = self.fits.get((edit.gateway, edit.device), ())
        if any(f.serial == new.serial and f.from_ms >= new.from_ms for f in earlier):
            raise _refuse("a fit of this meter begins at or after that time", where, "--from DATE")
        ended = tuple(
            f._replace(until_ms=new.from_ms) if f.serial == new.serial and f.until_ms is None else f
            for f in earlier
        )
        return replace(self, fits={**self.fits, (edit.gateway, edit.device): (*ended, new)})

    def _with_scale(self, edit: ScaleVerified) -> "Registry":
        where = f"{edit.gateway}/{edit.device}"
        if edit.gateway not in self.keys:
            raise _refuse(f"no gateway {edit.gateway!r}", where, "meterkast hub admit")
        if edit.accuracy not in LEAST_DIVISIONS:
            classes = ", ".join(LEAST_DIVISIONS)
            raise _refuse(f"{edit.accuracy!r} is no class of scale", where, f"classes: {classes}")
        if not 0 < edit.division_mg < edit.max_mg <= SCALE_MG_MAX:
            what = f"a scale of {edit.max_mg} mg in steps of {edit.division_mg} mg"
            raise _refuse(what, where, '--max "60 kg" --division "20 g", as on its plate')
        if not 0 <= edit.from_ms < edit.until_ms:
            raise _refuse("a mark that ends before it begins", where, "--from DATE --until DATE")
        if not edit.serial:
            raise _refuse("a scale without its number", where, "--serial, as on its plate")
        key = (edit.gateway, edit.device)
        return replace(self, scales={**self.scales, key: (*self.scales.get(key, ()), edit)})

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


def make(edits: Edits, *, key: SigningKey) -> bytes:
    """The two lines of a registry document, signed by a steward."""
    return signed.sign(to_json(edits), typ=REGISTRY, key=key, bytes_max=signed.PAPER_BYTES_MAX)


def read(data: bytes, registry: Registry) -> Edits:
    """The edits in a document, its signature checked against the stewards of `registry`.

    The founding document is signed by the first steward it names. Raises Malformed.
    """
    document = signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX)
    edits = signed.read_as(document, Edits, typ=REGISTRY)
    if edits.community != registry.community:
        raise Malformed(f"edits of community {edits.community!r}, not {registry.community!r}")
    founded = registry.founded
    if founded is None:
        first = edits.edits[0] if edits.edits else None
        if not isinstance(first, Founded):
            raise Malformed("the first edit must found the community")
        founded = first
    signed.demand(document, *founded.stewards, whose=STEWARD)
    return edits


def apply(registry: Registry, edits: Iterable[Edit]) -> Registry:
    """The registry after these edits, all or none. Raises PeopleError."""
    for edit in edits:
        registry = registry.with_edit(edit)
    return registry
