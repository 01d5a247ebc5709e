"""What stewards tell gateways to do: signed orders in, commands out until a record answers them.

An order is the command itself, signed by a steward; the bridge says it on with its own signature.
"""

import sqlite3

from gateway.contract import command, signed
from gateway.contract import record as records
from gateway.contract.command import RESEND, TARE, TELEGRAM, WORDS, ZERO, Command
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import SEQ_MAX, Record, is_id, to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.store import commit

ORDER = "mk-order-v1"

_MINUTE_MS = 60_000
# How long a command is good for. Nobody wants a scale set to zero by an order of this morning.
GOOD_MS = {
    RESEND: 24 * 60 * _MINUTE_MS,
    TELEGRAM: 60 * _MINUTE_MS,
    TARE: 5 * _MINUTE_MS,
    ZERO: 5 * _MINUTE_MS,
}
# So many orders of one gateway may wait for their answers.
OPEN_MAX = 100
# What is kept of why a gateway refused.
WHY_CHARS_MAX = 200
DEVICE_CHARS_MAX = 100

# What became of an order, beside `done` and `refused`.
WAITS, EXPIRED, ANSWERED = "not answered yet", "expired", "answered"


def make(order: Command, *, key: SigningKey) -> bytes:
    """The two lines of an order, signed by a steward."""
    return signed.sign(to_json(order), typ=ORDER, key=key)


def read(data: bytes, registry: Registry) -> Command:
    """The order in two lines. Raises Malformed where no steward signed it."""
    document = signed.parse(data)
    order = signed.read_as(document, Command, typ=ORDER)
    if order.community != registry.community:
        raise Malformed(f"an order of community {order.community!r}, not {registry.community!r}")
    signed.demand(document, *registry.stewards, whose=STEWARD)
    return order


def outcome(db: sqlite3.Connection, order: Command, *, now_ms: int) -> tuple[str, str]:
    """What became of an order, and why; a resend is done when its records are here."""
    row = db.execute(
        "SELECT answered_ms, outcome, why FROM command WHERE community = ? AND id = ?",
        (order.community, order.id),
    ).fetchone()
    if row and row[0] is not None:
        return row[1] or ANSWERED, row[2]
    if order.word == RESEND:
        head = db.execute(
            "SELECT up_to FROM chain WHERE community = ? AND gateway = ? AND chain = ?",
            (order.community, order.gateway, order.chain),
        ).fetchone()
        if head and head[0] >= order.last:
            return command.DONE, ""
    return (WAITS if now_ms < order.expires_ms else EXPIRED), ""


def readings(db: sqlite3.Connection, order: Command) -> list[tuple[str, str, str]]:
    """What the answer to an order says beside it: name, value and unit as they were signed."""
    row = db.execute(
        "SELECT data FROM command AS c JOIN record AS r ON r.community = c.community"
        " AND r.gateway = c.gateway AND r.chain = c.by_chain AND r.seq = c.by_seq"
        " WHERE c.community = ? AND id = ?",
        (order.community, order.id),
    ).fetchone()
    if row is None:
        return []
    _, record = records.parse(row[0])
    told = [(one.n, one.vs or bytes(one.v).decode(), one.u) for one in record.elements]
    return [
        one
        for one in told
        if one[1] and not one[0].startswith("command/") and all(map(str.isprintable, one))
    ]


class Orders:
    """The one writer of the table of commands."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community

    def take(self, data: bytes, *, registry: Registry, now_ms: int) -> str:
        """Keep an order until it is answered; gives its id. The same one again changes nothing.

        Raises Malformed or PeopleError, and then nothing has changed.
        """
        order = read(data, registry)
        self._check(order, registry, now_ms)
        with commit(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO command (community, id, gateway, word, chain, first, last,"
                " device, document, made_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._community,
                    order.id,
                    order.gateway,
                    order.word,
                    order.chain,
                    order.first,
                    order.last,
                    order.device,
                    data,
                    now_ms,
                    order.expires_ms,
                ),
            )
        return order.id

    def _check(self, order: Command, registry: Registry, now_ms: int) -> None:
        where = f"hub tell {order.gateway} {order.word}"
        if order.gateway not in registry.keys:
            known = ", ".join(sorted(registry.keys)) or "none yet"
            what = f"no gateway {order.gateway!r}"
            raise PeopleError(Problem(what, where, f"gateways: {known}"))
        if order.word not in WORDS or not is_id(order.id):
            raise PeopleError(Problem("no such command", where, ", ".join(WORDS)))
        if not now_ms < order.expires_ms <= now_ms + GOOD_MS[order.word]:
            raise PeopleError(Problem("an order that is over", where, "look at the clock"))
        if order.word == RESEND:
            self._check_range(order, where)
        elif order.chain or order.first or order.last:
            raise PeopleError(Problem("it is about no range of a chain", where, "--device NAME"))
        elif not order.device.isprintable() or not 0 < len(order.device) <= DEVICE_CHARS_MAX:
            raise PeopleError(Problem("no device is named", where, "--device NAME"))
        (waiting,) = self._db.execute(
            "SELECT count(*) FROM command"
            " WHERE community = ? AND gateway = ? AND answered_ms IS NULL AND expires_ms > ?",
            (self._community, order.gateway, now_ms),
        ).fetchone()
        if waiting >= OPEN_MAX:
            what = f"{waiting} orders of this gateway wait for their answers"
            raise PeopleError(Problem(what, where, "see why it does not answer: hub gateways"))

    def _check_range(self, order: Command, where: str) -> None:
        if not is_id(order.chain) or not 1 <= order.first <= order.last <= SEQ_MAX:
            what = "no range of a chain"
            raise PeopleError(Problem(what, where, "--chain CHAIN --first 1 --last 20"))
        row = self._db.execute(
            "SELECT up_to FROM chain WHERE community = ? AND gateway = ? AND chain = ?",
            (self._community, order.gateway, order.chain),
        ).fetchone()
        if row and row[0] >= order.last:
            what = f"nothing of it is missing: {order.chain} is here up to {row[0]}"
            raise PeopleError(Problem(what, where, "meterkast hub gateways"))

    def open(self, now_ms: int) -> list[Command]:
        """What waits for its answer, the oldest first. A resend waits for its records."""
        rows = self._db.execute(
            "SELECT gateway, id, word, expires_ms, chain, first, last, device FROM command AS c"
            " WHERE community = ? AND expires_ms > ? AND answered_ms IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM chain WHERE community = c.community"
            " AND gateway = c.gateway AND chain = c.chain AND up_to >= c.last AND c.last > 0)"
            " ORDER BY made_ms, id",
            (self._community, now_ms),
        )
        return [Command(self._community, *row) for row in rows]

    def answer(self, record: Record, now_ms: int) -> str:
        """A record of the typ `ANSWER` is stored: which command it answers, "" for none.

        Inside the caller's commit. The first answer is the one.
        """
        try:
            answered = command.answered(record)
        except Malformed:
            return ""
        who = record.identity
        said = {one.n: one.vs for one in record.elements}
        outcome = said.get("command/outcome", "")
        why = said.get("command/why", "")
        self._db.execute(
            "UPDATE command SET answered_ms = ?, outcome = ?, why = ?, by_chain = ?, by_seq = ?"
            " WHERE community = ? AND id = ? AND gateway = ? AND answered_ms IS NULL",
            (
                now_ms,
                outcome if outcome in {command.DONE, command.REFUSED} else "",
                why[:WHY_CHARS_MAX] if why.isprintable() else "",
                who.chain,
                who.seq,
                self._community,
                answered,
                who.gateway,
            ),
        )
        return answered
