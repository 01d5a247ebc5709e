"""Proof files: that a booking is in a community's log, in one text that a person can read.

Whoever has such a file and a key of the log can check it; nothing else is needed. Its last part is
a C2SP tlog-proof as it is. What is before it opens the leaf: in words, and with its salt and body.
A file has one spelling only, so that nothing in it can be changed unseen, the words included.
Spec: C2SP tlog-proof, tlog-checkpoint and signed-note.
"""

import hashlib
import tomllib
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from gateway.contract import rotation
from gateway.contract.keys import PublicKey
from gateway.contract.policy import Document
from gateway.contract.signed import Malformed
from ledger_bridge.books.log.note import Checkpoint, claimed, is_by
from ledger_bridge.books.log.proofs import root_by_inclusion, roots_by_consistency
from ledger_bridge.books.log.tree import commitment, leaf_hash

# A policy and a body take some kB; more is no proof of ours.
PROOF_BYTES_MAX = 1024 * 1024
# More places than an amount has digits.
SCALE_MAX = 18

_FIRST = "meterkast proof v1"
_WARNING = """\
LET OP: dit bestand toont wie wat kreeg en hoeveel er voor is gemeten, zoals de stroom die iemand
  in een periode gebruikte of teruggaf. Denk na voordat u het deelt.
NOTE: this file shows who got what and how much was measured for it, such as the electricity that
  somebody used or gave back in a period. Think before you share it."""
_MEASURED = "measured, in thousandths of a Wh, gram, litre, joule, piece, minute or time:"
_C2SP = "c2sp.org/tlog-proof@v1"
_COUNTED = "0123456789"


class Forked(Exception):
    """One log said two things: two signed heads of which neither follows from the other."""


class _Body(msgspec.Struct):
    """What the leaf of a booking says, as far as it is told in words."""

    kind: str
    booking: int
    booked_ms: int
    postings: tuple[tuple[str, str, int], ...]
    claim: tuple[str, str, str] | None = None
    quantities: dict[str, int | str] = {}
    due: int = 0
    before: int = 0
    policy: str = ""


_decode = msgspec.json.Decoder(_Body).decode


class Grown(NamedTuple):
    """An older head, and what shows that the log has only grown since."""

    size: int
    root: bytes
    path: tuple[bytes, ...]


class Proof(NamedTuple):
    """A leaf of kind `kind` with its `salt`, its `place` in the log, and the log's signed head.

    `policy` is the first line of the policy that the leaf names, "" for none; `handovers` lead from
    one key of the log to the next, two lines each.
    """

    kind: str
    salt: bytes
    body: bytes
    policy: str
    handovers: tuple[str, ...]
    since: Grown | None
    place: int
    path: tuple[bytes, ...]
    note: str


class Proven(NamedTuple):
    """What a checked proof shows."""

    community: str
    booking: int
    kind: str
    place: int
    size: int
    root: str
    words: tuple[str, ...]


def render(proof: Proof) -> str:
    """The file. Raises Malformed where the body is of no booking."""
    lines = [_FIRST, _WARNING, "", *words(proof), ""]
    lines += [f"leaf {proof.kind}", f"salt {_text(proof.salt)}", f"body {proof.body.decode()}"]
    lines += [f"policy {proof.policy}"] if proof.policy else []
    for said in proof.handovers:
        payload, _, signature = said.partition("\n")
        lines += [f"handover {payload}", f"signature {signature}"]
    if proof.since:
        lines += [f"since {proof.since.size} {_text(proof.since.root)}"]
        lines += [f"grown {_text(one)}" for one in proof.since.path]
    lines += [_C2SP, f"index {proof.place}", *map(_text, proof.path), "", proof.note]
    return "\n".join(lines)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def words(proof: Proof) -> list[str]:
    """The booking in words. Raises Malformed."""
    try:
        said = _decode(proof.body)
        booked = datetime.fromtimestamp(said.booked_ms // 1000, UTC)
        scales = _scales(proof.policy)
    except (ValueError, OverflowError, OSError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed(f"the leaf is of no booking: {error}") from error
    lines = [f"booking {said.booking}, {said.kind}, booked {booked:%Y-%m-%d %H:%M:%S} UTC"]
    for account, asset, amount in said.postings:
        lines.append(f"  {account}  {_amount(amount, scales.get(asset), plus='+')} {asset}")
    if said.claim:
        rule, member, period = said.claim
        scale = scales.get(said.postings[0][1]) if said.postings else None
        due, before = _amount(said.due, scale), _amount(said.before, scale)
        lines.append(f"by rule {rule} for {member}, {period}: due {due}, before {before}")
        if said.quantities:
            lines.append(_MEASURED)
        lines += [f"  {key}: {amount}" for key, amount in said.quantities.items()]
    # Whatever a leaf calls things, a line stays a line, and does nothing to a terminal.
    return ["".join(one if one.isprintable() else " " for one in line) for line in lines]


def _scales(policy: str) -> dict[str, int]:
    """The decimal places of each asset."""
    if not policy:
        return {}
    toml = tomllib.loads(msgspec.json.decode(policy, type=Document).toml)
    try:
        scales = {code: asset.get("scale", 0) for code, asset in toml["assets"].items()}
    except (AttributeError, KeyError) as error:
        raise ValueError("a policy without assets") from error
    if not all(isinstance(scale, int) and 0 <= scale <= SCALE_MAX for scale in scales.values()):
        raise ValueError(f"an asset of more than {SCALE_MAX} decimal places")
    return scales


def _amount(amount: int, scale: int | None, *, plus: str = "") -> str:
    if scale is None:
        return f"{amount:{plus}d} (in smallest units)"
    return f"{Decimal(amount).scaleb(-scale):{plus}.{scale}f}"


def read(text: str) -> Proof:
    """A proof file taken apart, not yet checked. Raises Malformed."""
    if len(text) > PROOF_BYTES_MAX:
        raise Malformed(f"{len(text)} characters, at most {PROOF_BYTES_MAX}")
    if not text.startswith(_FIRST + "\n"):
        raise Malformed("not a proof file: those begin with " + repr(_FIRST))
    _, found, rest = text.rpartition("\nleaf ")
    opening, c2sp, tlog_proof = rest.partition(f"\n{_C2SP}\n")
    path, gap, note = tlog_proof.partition("\n\n")
    if not found or not c2sp or not gap:
        raise Malformed("the file is cut off: a leaf, a proof or a signed head is missing")
    try:
        proof = _parsed(f"leaf {opening}", path, note)
        spelt = render(proof)
    except ValueError as error:
        raise Malformed(str(error)) from error
    if spelt != text:
        pairs = enumerate(zip_longest(text.split("\n"), spelt.split("\n")), start=1)
        line = next(number for number, (given, right) in pairs if given != right)
        raise Malformed(f"line {line} is not what the leaf says, or not spelt as it was made")
    return proof


class _Lines:
    """Lines that each begin with a name, taken one by one."""

    def __init__(self, text: str) -> None:
        self._left = text.split("\n")[::-1]

    def value(self, name: str) -> str:
        """What the next line gives where it has this name; "" where it has another."""
        if self._left and self._left[-1].startswith(f"{name} "):
            return self._left.pop().removeprefix(f"{name} ")
        return ""


def _parsed(opening: str, path: str, note: str) -> Proof:
    """Raises ValueError. What is odd here is spelt another way, see `read`."""
    lines = _Lines(opening)
    kind, salt, body = lines.value("leaf"), lines.value("salt"), lines.value("body")
    policy, handovers, since = lines.value("policy"), [], None
    while payload := lines.value("handover"):
        handovers.append(f"{payload}\n{lines.value('signature')}")
    if given := lines.value("since"):
        size, _, root = given.partition(" ")
        grown = []
        while one := lines.value("grown"):
            grown.append(_hash(one))
        since = Grown(_number(size), _hash(root), tuple(grown))
    first, *hashes = path.split("\n")
    return Proof(
        kind=kind,
        salt=b64decode(salt, validate=True),
        body=body.encode(),
        policy=policy,
        handovers=tuple(handovers),
        since=since,
        place=_number(first.removeprefix("index ")),
        path=tuple(map(_hash, hashes)),
        note=note,
    )


def _number(text: str) -> int:
    if not text or len(text) > 18 or set(text) - set(_COUNTED):
        raise Malformed(f"{text[:30]!r} is no number")
    return int(text)


def _hash(text: str) -> bytes:
    data = b64decode(text, validate=True)
    if len(data) != hashlib.sha256().digest_size:
        raise Malformed(f"{text[:60]!r} is no SHA-256 in base64")
    return data


def check(proof: Proof, key: PublicKey, *, held: str = "") -> Proven:
    """What a proof shows to whoever knows `key`, one that the log has or had before.

    `held` is a signed head of the same log that somebody kept; then the log has only grown between
    the two. Raises Malformed where the proof does not hold, Forked where two heads contradict.
    """
    head = claimed(proof.note)
    _, _, place = head.origin.partition("/")
    community = place.split("/")[0]
    keys = _keys(proof, community, key)
    if not is_by(proof.note, keys[-1]):
        raise Malformed(f"its head is not signed by the log's key {keys[-1].x}")
    said = _decode(proof.body)
    if proof.policy and hashlib.sha256(proof.policy.encode()).hexdigest() != said.policy:
        raise Malformed("the policy in the file is not the one that the leaf names")
    leaf = leaf_hash(commitment(proof.salt, proof.kind, proof.body))
    if root_by_inclusion(leaf, proof.place, head.size, proof.path) != head.root:
        raise Malformed("the leaf is not in the log at this place")
    if proof.since:
        _check_grown(head, proof.since)
    if held:
        _check_held(head, proof.since, held, keys)
    return Proven(
        community=community,
        booking=said.booking,
        kind=said.kind,
        place=proof.place,
        size=head.size,
        root=head.root.hex(),
        words=tuple(words(proof)),
    )


def _keys(proof: Proof, community: str, key: PublicKey) -> list[PublicKey]:
    """The log's keys from the one that is known to the one that signs now."""
    keys = [key]
    for said in proof.handovers:
        new = rotation.follow(said.encode(), community, keys[-1], who=rotation.LOG)
        if new.x != keys[-1].x:
            keys.append(new)
    return keys


def _check_grown(head: Checkpoint, since: Grown) -> None:
    if since.size == head.size:
        roots = (since.root, since.root) if not since.path else (b"", b"")
    else:
        roots = roots_by_consistency(since.size, head.size, since.path, old_root=since.root)
    if roots != (since.root, head.root):
        raise Malformed("the log did not only grow since the older head that the file names")


def _check_held(head: Checkpoint, since: Grown | None, held: str, keys: list[PublicKey]) -> None:
    kept = claimed(held)
    if not any(is_by(held, key) for key in keys):
        raise Malformed("the head that was kept is not signed by this log")
    if kept.origin != head.origin:
        raise Malformed(f"the head that was kept is of {kept.origin}, the proof of {head.origin}")
    if kept.size == head.size:
        if kept.root != head.root:
            raise Forked(f"two heads of {head.size} leaves with different roots")
        return
    if since is None or since.size != kept.size:
        raise Malformed(f"the file does not show how the log grew from {kept.size} leaves")
    if since.root != kept.root:
        raise Forked(f"the log had another head of {kept.size} leaves than the one that was kept")
