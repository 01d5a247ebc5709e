"""A journal's life on a disk that may lose its power, and what must hold wherever that happens."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from gateway.contract import record, signed
from gateway.contract.errors import PeopleError, Unreachable
from gateway.contract.keys import SigningKey
from gateway.contract.record import DEPOSIT, QUARTER, SAMPLES, Element
from gateway.journal import EVIDENCE, Chain, Journal, NotKept, Room
from gateway.quarter import Moment
from tests.power import Disk, Medium, contents

KEY, NEXT_KEY = SigningKey(bytes(32)), SigningKey(b"2" * 32)
MORNING_MS = 1_780_308_000_000
HOUR_MS = 3_600_000
TYP = {"evidence": QUARTER, "samples": SAMPLES, "private": SAMPLES}
# As long as the readings of a telegram: some pages of the database.
LONG_BYTES = 6_000
# What acts put into records is numbered, so that it is known again in whatever record it is.
NUMBER = "hall/number"
# The disk of whoever runs the tests is no part of them.
WIDE = Room(free_bytes_min=0)

# A deposit of 10 mg of glass.
FILL = """
INSERT INTO container VALUES (:community, :gateway, 'glass', '', NULL, NULL, 10, 1, 0)
ON CONFLICT DO UPDATE SET delivered_mg = delivered_mg + 10, pieces = pieces + 1
"""
STARTS_MAX = 20
# A record that is damaged may be seen only when it is read, or another follows it.
STARTS_TO_SEE_DAMAGE = 2

Keep = Callable[[], bool]


class Promise(NamedTuple):
    """What the journal held for us once so many operations were done and an act had returned."""

    operations: int
    held: frozenset[str]
    asked: int = 0  # writes and syncs so far


class Life:
    """Acts of a gateway on its journal, each noted with what it promised when it returned."""

    def __init__(self, folder: Path, *, room: Room = WIDE, **of_the_disk: Any) -> None:
        """Begins with the files in `folder`; `of_the_disk` is for `Disk`."""
        self.folder = folder
        self.room = room
        self.disk = Disk(folder, **of_the_disk)
        self.made: dict[tuple[str, int], bytes] = {}
        self.promises: list[Promise] = []
        self.now_ms = 0
        self._numbers: dict[bytes, str] = {}
        self.accepted: list[str] = []
        self.turned_away: list[str] = []  # and never in the journal
        self.doubtful: list[str] = []  # turned away, and the process ended before it could be sure
        self._waiting: list[str] = []  # in the journal's memory
        self._put = 0
        self.journal = self._open()

    def _open(self) -> Journal:
        journal = self._opened()
        journal.on_commit = lambda: self._see(journal)
        self._see(journal)
        if not self.promises:  # what was promised before this life
            self.promises.append(Promise(0, self._held(journal)))
        self._promise(journal)
        return journal

    def _opened(self) -> Journal:
        """Opened as often as the service manager would start the gateway again."""
        for _ in range(STARTS_MAX):
            with suppress(Unreachable), self.disk.watched():
                return open_journal(self.folder, self.disk.connect, self.room)
        raise AssertionError("the gateway does not start")

    def _see(self, journal: Journal) -> None:
        self.made |= _all(journal)

    def number(self, data: bytes) -> str:
        """What the record carries of ours, "" where it is the journal's own."""
        if data not in self._numbers:
            elements = record.parse(data)[1].elements
            self._numbers[data] = next((one.vs for one in elements if one.n == NUMBER), "")
        return self._numbers[data]

    def _held(self, journal: Journal) -> frozenset[str]:
        return frozenset(map(self.number, _all(journal).values()))

    def _promise(self, journal: Journal) -> None:
        self._see(journal)
        done = len(self.disk.operations)
        self.promises.append(Promise(done, self._held(journal), self.disk.asked))

    def moment(self) -> Moment:
        return Moment(MORNING_MS + self.now_ms, self.now_ms, "synced")

    # Acts

    def put(self, kind: str, count: int = 1, is_long: bool = False) -> None:
        """A group of records in one commit."""
        for _ in range(count):
            boundary = ("hall", MORNING_MS + self._put)
            elements = self._elements(is_long=is_long)
            self.journal.append(kind, TYP[kind], elements, moment=self.moment(), boundary=boundary)
        self.journal.keep_pulses("roof", self._put, moment=self.moment())
        self.commit()

    def _elements(self, *, is_long: bool = False) -> list[Element]:
        text = "A" * LONG_BYTES if is_long else ""
        number = f"{len(self.promises)}-{self._put}"
        self._put += 1
        self._waiting.append(number)
        return [Element(n=NUMBER, vs=number), Element(n="hall/telegram", vd=text)]

    def deposit(self) -> None:
        """A record with a table beside it that is kept at once or not at all."""
        try:
            with self.journal.at_once(self.moment()):
                self.journal.append(EVIDENCE, DEPOSIT, self._elements(), moment=self.moment())
                self.journal.beside(FILL)
            self._are_kept()
        except NotKept:
            self.turned_away.append(self._waiting.pop())
        self._promise(self.journal)

    def commit(self) -> None:
        with suppress(NotKept):
            self.journal.commit(self.moment())
            self._are_kept()
        self._promise(self.journal)

    def commit_until_kept(self) -> None:
        """As a gateway does that cannot write."""
        self.commit()
        while self._waiting:
            self.commit()

    def _are_kept(self) -> None:
        self.accepted += self._waiting
        self._waiting.clear()

    def receipt(self, kind: str, behind: int = 0) -> None:
        """The hub has all but the last `behind` records of a chain."""
        chain = self.chain(kind)
        up_to = max(chain.last - behind, 0)
        data = self.made.get((chain.chain, up_to))
        self.journal.receipt(chain.chain, up_to, signed.digest(data) if data else "")
        self.commit()

    def renew(self) -> None:
        """Another key signs from here on."""
        with suppress(NotKept):
            self.journal.renew(NEXT_KEY, self.moment())
        self._promise(self.journal)

    def begin_again(self, kind: str) -> None:
        """The hub holds more of a chain than the journal: another one begins."""
        with suppress(NotKept):
            self.journal.begin_again(kind, self.moment())
        self._promise(self.journal)

    def later(self, hours: int) -> None:
        self.now_ms += hours * HOUR_MS

    def restart(self) -> None:
        """The orderly end and the next start. What the disk was not sure of may be there then."""
        self.doubtful += self.turned_away + self._waiting
        self.turned_away.clear()
        self._waiting.clear()
        self.journal.close()
        self.journal = self._open()

    def end(self) -> None:
        self.journal.close()

    # What is known of it

    def chain(self, kind: str) -> Chain:
        return next(c for c in self.journal.chains() if c.kind == kind and c.current)

    def must_hold(self, operations: int) -> frozenset[str]:
        """What was held before the act in which the power was cut, and after it: so in between."""
        before = sum(promise.operations <= operations for promise in self.promises) - 1
        return (
            self.promises[before].held & self.promises[min(before + 1, len(self.promises) - 1)].held
        )


def open_journal(folder: Path, connect: Callable[..., Any], room: Room = WIDE) -> Journal:
    return Journal.open(
        folder,
        community="zonstraat",
        gateway="home",
        key=KEY,
        boot="b",
        connect=connect,
        room=room,
    )


def unlinked(life: Life) -> list[str]:
    """Records of a life that do not follow the one before, or are signed by nobody we know."""
    wrong = [
        f"{name} {seq} has no signature of ours"
        for (name, seq), data in life.made.items()
        if not any(signed.parse(data).by(key.public) for key in (KEY, NEXT_KEY))
    ]
    for (name, seq), data in life.made.items():
        before = life.made.get((name, seq - 1))
        tip = signed.digest(before) if before else record.GENESIS
        # What was dropped before this life is not known to it.
        is_known = before or seq == 1 or not life.disk.before
        if is_known and record.parse(data)[1].identity.prev != tip:
            wrong.append(f"{name} {seq} does not follow the one before")
    return wrong


def troubles(life: Life, operations: int, folder: Path) -> list[str]:
    """What is wrong with the journal that a power cut at this point left in `folder`."""
    wrong: list[str] = []
    held: list[str] = []

    def look(path: Path, **options: Any) -> sqlite3.Connection:
        db = sqlite3.connect(path, **options)
        try:
            checks = db.execute("PRAGMA integrity_check").fetchall()
            checks += db.execute("PRAGMA foreign_key_check").fetchall()
            wrong.extend(f"SQLite finds {check}" for check in checks if check != ("ok",))
            held.append(contents(db))
        except sqlite3.DatabaseError as error:
            wrong.append(f"SQLite cannot read it: {error}")
        return db

    try:
        journal = open_journal(folder, look)
    except PeopleError as error:
        return [*wrong, f"the journal does not open: {error.problems[0].what}"]
    with closing(journal):
        if journal.standing().set_aside:
            wrong.append("it is damaged and was set aside")
        if wrong:
            return wrong
        if not set(held) <= life.disk.may_hold(operations):
            wrong.append("it is not what it was after a transaction")
        wrong += _missing(journal, life, operations)
        return wrong or _not_going_on(journal)


def _missing(journal: Journal, life: Life, operations: int) -> list[str]:
    wrong = []
    found = _all(journal)
    lost = life.must_hold(operations) - {life.number(data) for data in found.values()}
    if lost - {""}:
        wrong.append(f"{len(lost)} accepted records are lost")
    if any(life.made.get(place) != data for place, data in found.items()):
        wrong.append("it has records that were never made")
    try:
        journal.tally()
    except AssertionError:
        wrong.append("accepted is not delivered, pending and expired")
    return wrong


def _all(journal: Journal) -> dict[tuple[str, int], bytes]:
    return {
        (chain.chain, seq): data
        for chain in journal.chains()
        for seq, data in journal.numbered(chain.chain, start=1, limit=10_000)
    }


def _not_going_on(journal: Journal) -> list[str]:
    """Empty where the next record is taken, and links to the last one."""
    (before,) = (c for c in journal.chains() if c.kind == EVIDENCE and c.current)
    last, tip = before.last, before.digest
    moment = Moment(MORNING_MS, 0, "synced")
    journal.append(EVIDENCE, QUARTER, [Element(n="hall/x", vs="on")], moment=moment)
    journal.commit(moment)
    data, *_ = journal.records(before.chain, start=last + 1, limit=1)
    document, got = record.parse(data)
    links = (got.identity.seq, got.identity.prev) == (last + 1, tip)
    return [] if links and document.by(KEY.public) else ["it does not go on where it ended"]


class Walk(NamedTuple):
    """Crash points walked, different disks that were opened, and what was wrong with them."""

    points: int
    disks: int
    troubles: list[str]


def some(share: float, seed: str) -> Keep:
    """Keeps about this share of what was not synced, by chance."""
    chance = random.Random(seed)
    return lambda: chance.random() < share


def ways(seed: str) -> dict[str, Keep]:
    """Ways in which a power cut treats what was not synced."""
    return {
        "none of it left": lambda: False,
        "all of it left": lambda: True,
        "half of it left": some(0.5, seed),
    }


def walk(life: Life, folder: Path, *, seed: int, every: int = 1) -> Walk:
    """Cut the power after every operation of a life that has ended, in several ways each."""
    medium = Medium(life.disk.before)
    wrong = unlinked(life)
    seen: set[tuple[int, int]] = set()
    points = 0
    for point, operation in enumerate([None, *life.disk.operations]):
        if operation:
            medium.take(operation)
        if point % every:
            continue
        points += 1
        promised = sum(promise.operations <= point for promise in life.promises)
        for way, keep in ways(f"{seed} {point}").items():
            files = medium.after_a_cut(keep)
            disk = (promised, hash(tuple(sorted(files.items()))))
            if disk not in seen:
                seen.add(disk)
                lay(files, folder)
                wrong += [f"after {point}, {way}: {t}" for t in troubles(life, point, folder)]
    return Walk(points, len(seen), wrong)


def found_out(life: Life, folder: Path) -> list[str]:
    """What is wrong with a life that ended on a disk that refused some writes of it.

    Whoever was told that a record is kept, or will be, finds it; nobody else does. What is kept by
    then is there after a power cut at the end of the act in which the disk refused, or the next.
    """
    with closing(open_journal(life.folder, sqlite3.connect)) as journal:
        held = sorted(filter(None, map(life.number, _all(journal).values())))
    wrong = unlinked(life)
    if not set(life.accepted) <= set(held) <= set(life.accepted + life.doubtful):
        wrong.append(f"it holds {held}, and not {life.accepted}, perhaps {life.doubtful}")
    if len(set(held)) < len(held):
        wrong.append(f"it holds something twice: {held}")
    first = life.disk.refused.start
    after = [promise.operations for promise in life.promises if promise.asked > first]
    for point in after[:2]:
        for way in (lambda: False, lambda: True):
            lay(cut(life, point, way), folder)
            wrong += [f"after {point}: {t}" for t in troubles(life, point, folder)]
    return wrong


def damaged(folder: Path) -> list[str]:
    """What is wrong with what the journal makes of the damaged file in `folder`.

    It may hold less than before, and says so; it may not hold anything else, nor fail to go on.
    """
    told: list[list[str]] = []
    while told[-2:] != [[], []] and len(told) < STARTS_TO_SEE_DAMAGE + 2:
        try:
            told.append(_nonsense(folder))
        except sqlite3.DatabaseError as error:  # the gateway ends, and starts again
            told.append([str(error)])
    return told[-1]


def _nonsense(folder: Path) -> list[str]:
    with closing(open_journal(folder, sqlite3.connect)) as journal:
        journal.tally()
        wrong = [
            f"{name} {seq} is damaged"
            for (name, seq), data in _all(journal).items()
            if not _is_signed(data)
        ]
        return wrong + _not_going_on(journal)


def _is_signed(data: bytes) -> bool:
    try:
        return signed.parse(data).by(KEY.public)
    except signed.Malformed:
        return False


def cut(life: Life, point: int, keep: Keep) -> dict[str, bytes]:
    """The files that a power cut after so many operations leaves of a life that has ended."""
    medium = Medium(life.disk.before)
    for operation in life.disk.operations[:point]:
        medium.take(operation)
    return medium.after_a_cut(keep)


def lay(files: dict[str, bytes], folder: Path) -> None:
    """A folder with these files and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
