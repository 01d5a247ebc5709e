"""What a steward may say of the community: every edit is evidence, appended and never changed."""

import msgspec

# The largest connection of a small consumer in the Netherlands: 3 phases of 80 A at 230 V.
RATED_W_DEFAULT = 55_200


class Founded(msgspec.Struct, frozen=True, tag="founded", tag_field="kind"):
    """The first edit: whose word counts from now on. Keys are JWK members `x`."""

    stewards: tuple[str, ...]
    bridge: str
    log: str
    issuance: str


class MemberAdded(msgspec.Struct, frozen=True, tag="member", tag_field="kind"):
    member: str
    account: str


class AccountOpened(msgspec.Struct, frozen=True, tag="account", tag_field="kind"):
    """An account that is no member's: its random id, its role and what it is called."""

    account: str
    role: str
    name: str


class LimitSet(msgspec.Struct, frozen=True, tag="limit", tag_field="kind"):
    """From now on no act may bring what a member or an account holds of an asset outside these.

    In smallest units; None is what the policy says of the asset.
    """

    holder: str
    asset: str
    floor: int | None
    ceiling: int | None
    reason: str


class StewardsNamed(msgspec.Struct, frozen=True, tag="stewards", tag_field="kind"):
    """Whose word counts from now on, and how many of them must sign a policy: a paper that as many
    signed as had to before, as `stewards.py` reads it.
    """

    paper: str


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


class GatewayRevoked(msgspec.Struct, frozen=True, tag="gateway-revoked", tag_field="kind"):
    """Nothing that the gateway says counts from these numbers of its chains on, (chain, first
    number), nor in a chain that begins later; until it is given another key.
    """

    gateway: str
    chains: tuple[tuple[str, int], ...]
    reason: str


class BridgeRotated(msgspec.Struct, frozen=True, tag="bridge", tag_field="kind"):
    """The bridge's key hands over to another: a rotation in two lines."""

    rotation: str


class BridgeRecovered(msgspec.Struct, frozen=True, tag="bridge-recovered", tag_field="kind"):
    """The bridge's key is lost: another counts, as a paper of stewards says that `recovered.py`
    reads.
    """

    paper: str


class LogHandedOver(msgspec.Struct, frozen=True, tag="log", tag_field="kind"):
    """The log's key hands over to another: a rotation in two lines."""

    rotation: str


class LogBegunAgain(msgspec.Struct, frozen=True, tag="epoch", tag_field="kind"):
    """The log begins again, as a paper of stewards says that `restart.py` reads: the books were
    restored, or the log's key is lost.
    """

    paper: str


class MeterFitted(msgspec.Struct, frozen=True, tag="fit", tag_field="kind"):
    """From when on the meter `serial` ("" for whichever) on this device counts for a member.

    `per_pulse` is what a pulse of its contact stands for, "1/1000 kWh" or "10 L". `anew` says that
    its count begins afresh on that day: another meter without a number of its own hangs there, or
    the meter was set back.

    `point` is the connection's own name at the grid operator's, such as an EAN; "" for none. A
    point without a gateway has the gateway "" and itself as the device. `share` is how much of what
    is measured takes part in this community, `elsewhere` how much in others. `sources` is what
    produces behind it, such as solar or battery, `production` the device that measures that alone.
    `digits` are those before the comma that the count has room for; 0: nobody knows. What is used
    `behind` another meter is counted there already.
    """

    gateway: str
    device: str
    serial: str
    member: str
    from_ms: int
    rated_w: int = RATED_W_DEFAULT
    per_pulse: str = ""
    anew: bool = False
    point: str = ""
    share: str = "1"
    elsewhere: str = "0"
    sources: tuple[str, ...] = ()
    production: str = ""
    digits: int = 0
    behind: bool = False


class CountsDecided(msgspec.Struct, frozen=True, tag="counts", tag_field="kind"):
    """A steward has looked at counts of a meter between two times, the first included: they count,
    or they do not. `register` "" is every register of it. The last word about a count is the one.
    """

    gateway: str
    device: str
    register: str
    serial: str
    from_ms: int
    until_ms: int
    is_accepted: bool
    reason: str


class CardGiven(msgspec.Struct, frozen=True, tag="card", tag_field="kind"):
    """`card` is the keyed hash of its number. Deposits made with it before count as well."""

    card: str
    member: str


class CardRevoked(msgspec.Struct, frozen=True, tag="revoked", tag_field="kind"):
    """Lost or given back: deposits made with this card from then on are nobody's."""

    card: str
    from_ms: int


class MemberLeft(msgspec.Struct, frozen=True, tag="left", tag_field="kind"):
    """Nothing that is measured or brought from then on counts for this member."""

    member: str
    from_ms: int


class MemberErased(msgspec.Struct, frozen=True, tag="erased", tag_field="kind"):
    """All is erased that leads to a member who has left, and their claims are frozen."""

    member: str


class EvidencePruned(msgspec.Struct, frozen=True, tag="pruned", tag_field="kind"):
    """Evidence of local days up to this one, whose months are sealed, is no longer kept."""

    until: str


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


AccountEdit = MemberAdded | AccountOpened | LimitSet | CardGiven
LeavingEdit = CardRevoked | MemberLeft | MemberErased | EvidencePruned
LogEdit = LogHandedOver | LogBegunAgain
GatewayEdit = GatewayAdmitted | GatewayRekeyed | GatewayRevoked
KeyEdit = GatewayEdit | BridgeRotated | BridgeRecovered | StewardsNamed | LogEdit
MeterEdit = MeterFitted | CountsDecided
WasteEdit = ScaleVerified | DepositDecided | EmptyingExplained
Edit = Founded | AccountEdit | LeavingEdit | KeyEdit | MeterEdit | WasteEdit


class Edits(msgspec.Struct, frozen=True):
    """The payload of a registry document: edits that take effect together."""

    community: str
    time_ms: int
    edits: tuple[Edit, ...]
