"""A journal in a test: opened, filled, and read back."""

from pathlib import Path
from typing import Any

from gateway.contract import lost, record, signed
from gateway.contract.keys import SigningKey
from gateway.contract.lost import Lost
from gateway.contract.record import GENESIS, LOST, QUARTER, Element
from gateway.journal import EVIDENCE, Chain, Journal
from gateway.quarter import Moment

NOON = 1_780_308_000_000
KEY = SigningKey(bytes(32))


def reopen(folder: Path, community: str | None = "zonstraat", **more: Any) -> Journal:
    return Journal.open(folder, community=community, gateway="home", key=KEY, boot="b", **more)


def at(ms: int) -> Moment:
    return Moment(NOON + ms, ms, "synced")


def put(journal: Journal, count: int = 1, *, kind: str = EVIDENCE, ms: int = 0) -> str:
    for _ in range(count):
        journal.append(kind, QUARTER, [Element(n="hall/x")], moment=at(ms))
    journal.commit(at(ms))
    return next(chain.chain for chain in journal.chains() if chain.kind == kind)


def digest_of(journal: Journal, chain: str, seq: int) -> str:
    return signed.digest(journal.records(chain, start=seq, limit=1)[0])


def check_chain(records: list[bytes]) -> list[int]:
    prev, numbers = GENESIS, []
    for data in records:
        document, got = record.parse(data)
        assert document.by(KEY.public)
        assert got.identity.prev == prev
        prev = signed.digest(data)
        numbers.append(got.identity.seq)
    return numbers


def current(journal: Journal, kind: str = EVIDENCE) -> Chain:
    """The chain of this kind that goes on."""
    return next(chain for chain in journal.chains() if chain.kind == kind and chain.current)


def lost_records(journal: Journal) -> list[Lost]:
    """What the journal says is gone, in the order in which it was written."""
    return [lost.read(record.parse(data)[1]) for data in journal.newest(LOST, 99)]
