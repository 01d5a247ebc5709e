"""The part of `verify` that goes along the log once more, leaf after leaf, from the founding on.

Whoever has the log's key could sign leaves of their own making. So what a leaf says is held against
the evidence, the registry and the policies as they were at that leaf, and the requests of stewards.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from gateway.contract import signed
from gateway.contract.errors import PeopleError
from gateway.contract.policy import check, hash_of
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts.papers import must_be_signed
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.registry import papers
from ledger_bridge.books.registry.edits import EvidencePruned, MemberErased
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.verify import bookings, closing
from ledger_bridge.books.verify.leaves import Leaf, begun_again, leaves
from ledger_bridge.books.verify.look import TELL_EVERY, Differs, Look, Step
from ledger_bridge.books.verify.moment import Moment


class _Named(msgspec.Struct):
    """What a leaf says of a paper of stewards."""

    digest: str = ""
    seq: int = 0
    paper: int = 0
    hash: str = ""
    valid_from: str = ""
    heads: tuple[tuple[str, str, int, str], ...] = ()


_named = msgspec.json.Decoder(_Named)


def replay(look: Look) -> None:
    """Every leaf says what was so, and everything that is stored stands in a leaf."""
    moment = Moment(look, Registry(look.community), Policies([]))
    papers_ = _Papers(look, moment)
    book = bookings.Bookings(look, moment)
    take: dict[str, Callable[[Leaf], None]] = {
        "registry": papers_.registry,
        "policy": papers_.policy,
        "evidence": papers_.evidence,
        "entitlement": book.entitlement,
        "act": book.act,
        "seal": lambda leaf: closing.seal(moment, leaf),
        "epoch": lambda leaf: begun_again(moment, leaf),
    }
    total = look.count("leaf")
    for leaf in leaves(moment):
        if leaf.idx % TELL_EVERY == 0:
            look.progress(Step("log", leaf.idx, total))
        if leaf.kind not in take:
            raise Differs(f"a leaf of kind {leaf.kind!r}", f"leaf {leaf.idx}")
        if moment.sealing and leaf.kind != "seal":
            closing.nothing_waits(moment, f"leaf {leaf.idx}")
        if moment.epoch != moment.registry.epoch and leaf.kind != "registry":
            raise Differs("no steward asked that the log begin again", f"leaf {leaf.idx}")
        try:
            take[leaf.kind](leaf)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Differs("it cannot be read any more", f"leaf {leaf.idx}") from error
    papers_.end()
    book.end()
    closing.end(moment)


class _Stored(NamedTuple):
    """A paper of stewards, as it is stored."""

    name: str
    data: bytes


class _Papers:
    """Registry edits, policies, evidence and heads, each named by the log in its turn."""

    def __init__(self, look: Look, moment: Moment) -> None:
        self._look = look
        self._moment = moment
        self._edits = papers.stored(look.db, look.community)
        self._policies = self._rows("SELECT valid_from, data FROM policy", "valid_from")
        self._evidence = self._rows("SELECT seq, data FROM paper", "seq")
        self._logged: dict[tuple[str, str], int] = {}

    def _rows(self, select: str, by: str) -> Iterator[_Stored]:
        rows = self._look.rows(f"{select} WHERE community = ? ORDER BY {by}")
        return (_Stored(str(name), data) for name, data in rows)

    def registry(self, leaf: Leaf) -> None:
        said = _named.decode(leaf.body)
        document = next(self._edits, papers.Stored(0, b"", {}))
        if (said.seq, said.digest) != (document.seq, signed.digest(document.data)):
            raise Differs("the log names other registry edits than are stored", "registry_edit")
        moment = self._moment
        try:
            edits = papers.opened(document, moment.registry).edits
            moment.registry = apply(moment.registry, edits)
        except (Malformed, PeopleError) as error:
            what = f"an edit is not as it was signed: {error}"
            raise Differs(what, f"registry_edit {document.seq}") from error
        if moment.registry.epoch != moment.epoch:
            where = f"registry_edit {document.seq}"
            raise Differs("the log does not begin again where stewards said so", where)
        moment.gone.found["edits"] |= {(document.seq, n) for n in papers.erased_in(document)}
        for edit in edits:
            if isinstance(edit, MemberErased):
                closing.erased(moment, edit.member, f"registry_edit {document.seq}")
            elif isinstance(edit, EvidencePruned):
                closing.pruned(moment, edit.until, f"registry_edit {document.seq}")

    def policy(self, leaf: Leaf) -> None:
        said = _named.decode(leaf.body)
        day, data = next(self._policies, _Stored("", b""))
        if not data or (said.valid_from, said.hash) != (day, hash_of(data)):
            raise Differs("the log names other policies than are stored", "policy")
        registry, until = self._moment.registry, self._moment.closed_until
        if day <= until:
            raise Differs(f"it came when the books were closed up to {until}", f"policy {day}")
        try:
            check(data, registry.stewards, asked=registry.asked)
        except Malformed as error:
            raise Differs(str(error), f"policy {day}") from error
        known = {one.policy.day: one for one in self._look.policies.in_order}
        in_order: list[InForce] = [*self._moment.policies.in_order, known[day]]
        self._moment.policies = Policies(in_order)

    def evidence(self, leaf: Leaf) -> None:
        """How far chains were stored, or a paper."""
        said = _named.decode(leaf.body)
        if said.paper:
            name, data = next(self._evidence, _Stored("", b""))
            if not data and str(said.paper) == name:
                self._moment.gone.found["papers"].add(said.paper)
            elif (str(said.paper), said.digest) != (name, signed.digest(data)):
                raise Differs("the log names other evidence than is stored", f"paper {said.paper}")
            else:
                self._must_be_signed(data, f"paper {said.paper}")
            self._moment.paper = said.paper
        self._moment.check_heads(said.heads, f"leaf {leaf.idx}")
        self._logged.update({(gateway, chain): up_to for gateway, chain, up_to, _ in said.heads})

    def _must_be_signed(self, data: bytes, where: str) -> None:
        """By a steward of the moment."""
        try:
            must_be_signed(data, self._moment.registry)
        except Malformed as error:
            raise Differs(str(error), where) from error

    def end(self) -> None:
        """Nothing is stored that the log does not name."""
        for what, rest in (
            ("registry edits", self._edits),
            ("policies", self._policies),
            ("evidence", self._evidence),
        ):
            if (left := next(rest, None)) is not None:
                raise Differs(f"the log names other {what} than are stored", f"{what} {left[0]}")
        for gateway, chain, said in self._look.rows(
            "SELECT gateway, chain, logged FROM chain WHERE community = ?"
        ):
            named = self._logged.get((gateway, chain), 0)
            if said != named:
                where = f"chain {gateway}/{chain}"
                raise Differs(f"logged up to {said}, the log names {named}", where)
