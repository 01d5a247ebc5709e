"""What the journal's file holds, for whoever asks."""

from itertools import pairwise
from typing import Any

from gateway.contract import signed
from gateway.journal import chains
from gateway.journal.disk import Disk
from gateway.journal.values import Beside, Owner, Tally


class Kept:
    """The committed records of one gateway in one community, and what stands beside them."""

    def __init__(self, disk: Disk, owner: Owner) -> None:
        self._disk = disk
        self._owner = owner

    def _owned(self, values: dict[str, Beside]) -> dict[str, Beside]:
        return {**self._owner._asdict(), **values}

    def records(self, chain: str, *, start: int, limit: int) -> list[bytes]:
        """Committed records of a chain in order, from number `start`."""
        return [data for _, data in self.numbered(chain, start=start, limit=limit)]

    def numbered(self, chain: str, *, start: int, limit: int) -> list[tuple[int, bytes]]:
        """The same with their numbers: those that are lost are passed over."""
        rows = self._disk.ask(
            f"SELECT seq, data FROM record WHERE {chains.OF_CHAIN} AND seq >= ? ORDER BY seq"
            " LIMIT ?",
            (*self._owner, chain, start, limit + 1),
        )
        for (seq, data), (after, follower) in pairwise(rows):
            if after == seq + 1 and not chains.links(data, follower):
                self._disk.refuse(f"record {seq} of {chain} is not what {after} follows")
        if rows and len(rows) <= limit:
            self._look_at_the_end(chain, *rows[-1])
        return rows[:limit]

    def _look_at_the_end(self, chain: str, seq: int, data: bytes) -> None:
        ends = self._disk.ask(
            f"SELECT digest FROM chain WHERE {chains.OF_CHAIN} AND last = ?",
            (*self._owner, chain, seq),
        )
        if ends and ends[0][0] != signed.digest(data):
            self._disk.refuse(f"record {seq} of {chain} is not what it ends with")

    def since(self, typ: str, made_ms: int) -> list[bytes]:
        """Committed records of a kind made at or after `made_ms`, in order of time."""
        rows = self._disk.ask(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND typ = ?"
            " AND made_ms >= ? ORDER BY made_ms, seq",
            (*self._owner, typ, made_ms),
        )
        return [data for (data,) in rows]

    def newest(self, typ: str, limit: int) -> list[bytes]:
        """The last committed records of a kind, in the order in which they were written."""
        rows = self._disk.ask(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND typ = ?"
            " ORDER BY rowid DESC LIMIT ?",
            (*self._owner, typ, limit),
        )
        return [data for (data,) in reversed(rows)]

    def ask(self, question: str, **values: Beside) -> list[tuple[Any, ...]]:
        """What a table beside the records holds; values as in `beside`."""
        return self._disk.ask(question, self._owned(values))

    def boundaries(self) -> dict[str, int]:
        """The last boundary recorded per device, UTC ms."""
        return dict(
            self._disk.ask(
                "SELECT device, boundary_ms FROM boundary WHERE community = ? AND gateway = ?",
                self._owner,
            )
        )

    def tally(self) -> Tally:
        rows = self._disk.ask(
            "SELECT accepted, delivered, pending, expired FROM tally"
            " WHERE community = ? AND gateway = ?",
            self._owner,
        )
        tally = Tally(*rows[0]) if rows else Tally(0, 0, 0, 0)
        assert tally.accepted == tally.delivered + tally.pending + tally.expired, tally
        return tally
