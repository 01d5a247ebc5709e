"""A week at a recycling point in no real time: people, faults, and the books at the other end.

Scale and reader speak in bytes, drivers read them, the point keeps its journal on a disk, records
reach the books late, twice and in any order. `truth` is what was physically put down and accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from drivers import sdk
from drivers.reading import Message
from firmware_sim import cheats
from firmware_sim.cheats import Cheat
from firmware_sim.devices import mtsics
from firmware_sim.devices.rdm6300 import Reader
from firmware_sim.people import (
    ORDERS,
    Act,
    Depositor,
    Grumble,
    Hold,
    Leave,
    Lift,
    Load,
    Person,
    Press,
    Put,
    Slip,
    TakeAway,
    Touch,
    screen_of,
)
from firmware_sim.scale import Plate, Scale
from gateway.community.bridgekey import BridgeKey
from gateway.contract import cards, policy
from gateway.contract.receipt import Receipt
from gateway.contract.settings import parse
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk import pin
from gateway.kiosk.events import Event, NotAccepted
from gateway.kiosk.offer import in_json
from gateway.kiosk.point import Owner, Point
from gateway.kiosk.settings import KioskSettings
from gateway.kiosk.touch import event
from gateway.quarter import Moment
from ledger_bridge.books.registry.edits import CardGiven, MemberAdded
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, Street, key

STEP_MS = 100
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PIN = "4711"
SCALE = Scale(capacity_mg=60_000_000, division_mg=5_000)
CARDS = {"noor": "0A00C0FFEE", "bram": "0A00BEEF01", "sanne": "0A00541213"}
CLUB = "vv-zon"

POLICY = """
community = "straat"
valid_from = 2026-06-15
time_zone = "Europe/Amsterdam"
assets.WASTE = {unit = "credit", scale = 6, kind = "credit"}
fractions.glass = {euralcode = "15 01 07", unit = "kg", nl = "glas", en = "glass"}
fractions.paper = {euralcode = "15 01 01", unit = "kg", nl = "papier", en = "paper"}
fractions.rest = {euralcode = "20 03 01", unit = "kg", nl = "rest", en = "residual waste"}
fractions.lamps = {euralcode = "20 01 36", unit = "piece", nl = "ledlampen", en = "LED lamps"}
fractions.paint = {euralcode = "20 01 27*", unit = "kg", nl = "verf", en = "paint", operator = true}
clubs.vv-zon = {nl = "voetbalclub", en = "football club"}

[[rules]]
id = "waste"
rule = "waste_deposited"
version = 1
asset = "WASTE"
cap = "3 per 4 weeks"
[rules.rates]
glass = {credit = "1/30", per = "1 kg"}
paper = {credit = "0.02", per = "1 kg"}
rest = {credit = "0", per = "1 kg"}
lamps = {credit = "0.1", per = "1 piece"}
paint = {credit = "0.01", per = "1 kg"}
"""

KIOSK = f"""
scale = "scale"
readers = ["reader"]
card_key = "card.key"
stewards = ["{key("steward").public.x}"]
screen = "127.0.0.1:7090"
division = "5 g"
crates.blue = {{ tare = "1.5 kg", nl = "blauwe krat", en = "blue crate" }}
"""


class PowerCut(Exception):
    """The lights are out."""


class Kept(NamedTuple):
    """What somebody honest put down and saw accepted, in mg or thousandths of a piece."""

    member: str
    fraction: str
    amount: int


@dataclass(slots=True)
class Truth:
    """What happened: kept deposits by id, how each dishonest try ended, which faults there were."""

    kept: dict[str, Kept] = field(default_factory=dict)
    tries: list[tuple[str, Leave]] = field(default_factory=list)
    turned_away: int = 0
    faults: list[str] = field(default_factory=list)
    grumbles: list[str] = field(default_factory=list)


class Wire:
    """A driver's session and the device at its other end; `is_cut`: nothing gets through."""

    def __init__(self, driver: str, device: Any) -> None:
        self.is_cut = False
        self._driver = driver
        self._device = device
        self.open()

    def open(self) -> None:
        """The line is opened, or opened anew."""
        self._session: Any = sdk.load(self._driver).open({})
        self._wake_ms: int | None = 0
        self._told: list[str] = []

    def tell(self, word: str) -> bool:
        """Have the device told a word, at the next step."""
        self._told.append(word)
        return True

    def goes_on(self, now_ms: int, noise: bytes = b"") -> list[Message]:
        steps = [] if self.is_cut else self._session.feed(self._device.ticks(now_ms) + noise)
        if self._wake_ms is not None and now_ms >= self._wake_ms:
            self._wake_ms = None
            steps += self._session.timeout()
        while self._told:
            steps += self._session.command(self._told.pop())
        messages = []
        while steps:
            step = steps.pop(0)
            match step:
                case sdk.Send(data):
                    answer = self._device.hears(data, now_ms=now_ms)
                    steps += [] if self.is_cut else self._session.feed(answer)
                case sdk.Wait(seconds) | sdk.Rest(seconds):
                    self._wake_ms = now_ms + round(seconds * 1000)
                case Message():
                    messages.append(step)
        return messages


class _Gate:
    """The reader as a device on a line, which is never asked."""

    def __init__(self) -> None:
        self.reader = Reader()

    def ticks(self, now_ms: int) -> bytes:
        return self.reader.sends(now_ms)


class Week:
    """The point, its devices and the books; `draw` decides about people and faults."""

    def __init__(self, folder: Path, *, seed: int, fault_rate: float = 0.006) -> None:
        self.draw = Random(f"week/{seed}")
        self.truth = Truth()
        self.now_ms = 1_000_000
        self.utc_ms = MIDNIGHT_MS + 9 * HOUR_MS
        self.street = Street(folder / "books", policy=POLICY)
        self.street.edit(
            MemberAdded("sanne", "acc-sanne"),
            MemberAdded("yusuf", "acc-yusuf"),
            MemberAdded(CLUB, "acc-club"),
            *(CardGiven(cards.token(number, CARD_KEY), who) for who, number in CARDS.items()),
        )
        self._folder = folder
        self._fault_rate = fault_rate
        self._plate = Plate(SCALE)
        self._terminal = mtsics.Terminal(SCALE, self._plate)
        self._gate = _Gate()
        self._scale = Wire("mtsics", self._terminal)
        self._reader = Wire("rdm6300", self._gate)
        self._over_ms = 0  # when the fault under way is over
        self._bomb = ""  # power goes before or after the next commit
        self._dark_ms = 0
        self._link_down_ms = 0
        self._is_attended = False
        self._held_back: list[bytes] = []
        pin.write(folder / "operator.pin", PIN)
        text = KIOSK + f'pin = "{folder / "operator.pin"}"\n'
        self._settings = parse(text, KioskSettings, name="kiosk")
        self._start()
        self.point.new_policy(policy.make(POLICY, community=ID, key=key("steward")))
        self._pass(3_000)

    def _start(self) -> None:
        self.journal = Journal.open(
            self._folder, community=ID, gateway="point", key=key("point"), boot="boot"
        )
        commit = self.journal.commit

        def commit_or_die(moment: Moment) -> None:
            bomb, self._bomb = self._bomb, ""
            if bomb == "before":
                raise PowerCut
            commit(moment)
            if bomb == "after":
                raise PowerCut

        self.journal.commit = commit_or_die  # type: ignore[method-assign]
        bridge_key = BridgeKey(key("bridge").public, community=ID, folder=self._folder)
        self.point = Point(
            self.journal,
            self._settings,
            Owner(ID, "point", key("point"), bridge_key, CARD_KEY),
            folder=self._folder,
            moment=lambda: Moment(self.utc_ms, self.now_ms, "synced"),
            real_ms=lambda: self.now_ms,
        )
        self.point.tell_scale = self._scale.tell

    def _power_cut(self) -> None:
        """Everything but the disk is gone, and for a while the screen is dark."""
        self.journal.close()
        self._scale.open()
        self._reader.open()
        if self.draw.random() < 0.5:  # the scale hangs on the same fuse
            self._terminal.indicator.switch_on(self.now_ms)
        self._dark_ms = self.now_ms + self.draw.randrange(1_000, 20_000)
        self._start()

    # Time

    def _pass(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self._step()

    def skip(self, ms: int) -> None:
        """Nobody is there; then the scale is heard again before anybody comes."""
        self.now_ms += ms
        self.utc_ms += ms
        self._over()
        self._scale.open()
        self._pass(4_000)

    def _step(self, *, noise: bytes = b"") -> None:
        self.now_ms += STEP_MS
        self.utc_ms += STEP_MS
        try:
            for message in self._scale.goes_on(self.now_ms, noise):
                self.point.hear("scale", message)
            for message in self._reader.goes_on(self.now_ms):
                self.point.hear("reader", message)
            self.point.tick()
            moment = Moment(self.utc_ms, self.now_ms, "synced")
            if self.journal.is_due(moment.mono_ms):
                self.journal.commit(moment)
        except PowerCut:
            self._power_cut()
        if self._over_ms and self.now_ms >= self._over_ms:
            self._over()

    # Faults

    def _maybe_a_fault(self) -> None:
        if self._over_ms or self.draw.random() >= self._fault_rate:
            return
        kind = self.draw.choice(
            ["power", "bomb", "unplug", "silence", "unit", "switched", "noise", "link", "forged"]
        )
        self.truth.faults.append(kind)
        self._over_ms = self.now_ms + self.draw.randrange(1_000, 15_000)
        match kind:
            case "power":
                self._power_cut()
            case "bomb":
                self._bomb = self.draw.choice(["before", "after"])
            case "unplug":
                self._scale.is_cut = True
                self.point.lost("scale")
            case "silence":
                self._scale.is_cut = True
            case "unit":
                self._terminal.indicator.unit = "lb"
            case "switched":
                self._terminal.indicator.switch_on(self.now_ms)
            case "noise":
                self._step(noise=self.draw.randbytes(200))
            case "link":
                self._link_down_ms = self.now_ms + 3 * HOUR_MS
            case "forged":
                self.point.new_policy(policy.make(POLICY, community=ID, key=key("burglar")))
                self.point.new_credit(b"{}\n..")

    def _over(self) -> None:
        if self._scale.is_cut:
            self._scale.is_cut = False
            self._scale.open()
        self._terminal.indicator.unit = "kg"
        self._over_ms = 0

    # People

    def receive(self, person: Person | Cheat, *, minutes_max: int = 30) -> Leave:
        """See somebody through."""
        for _ in range(minutes_max * 60_000 // STEP_MS):
            self._maybe_a_fault()
            self._step()
            if self._is_attended and self.point.session.operator_ms is None:
                self.point.sign_in(PIN)
            is_dark = self.now_ms < self._dark_ms
            now = None if is_dark else {"view": in_json(self.point.view())}
            for act in person.looks(screen_of(now), now_ms=self.now_ms):
                if isinstance(act, Leave):
                    self._do(Lift())
                    return act
                self._do(act)
        raise AssertionError(f"nobody gets anywhere: {self.point.view()}, {self.truth.faults[-5:]}")

    def _do(self, act: Act) -> None:
        indicator = self._terminal.indicator
        match act:
            case Hold(number):
                self._gate.reader.hold(number)
            case TakeAway():
                self._gate.reader.take_away()
            case Put(mass_mg, moved_ms, creep_mg_s):
                self._plate.put(
                    mass_mg, now_ms=self.now_ms, moved_ms=moved_ms, creep_mg_s=creep_mg_s
                )
            case Lift():
                self._plate.put(0, now_ms=self.now_ms)
            case Touch(body):
                self._touch(dict(body))
            case Press("tare"):
                indicator.tare(self.now_ms)
            case Press():
                indicator.tare_mg = 0
            case Grumble(_, word):
                self.truth.grumbles.append(word)

    def _touch(self, body: dict[str, Any]) -> None:
        self._take(event(body))

    def _take(self, happening: Event) -> None:
        try:
            self.point.take(happening)
        except PowerCut:
            self._power_cut()

    def honest(self, member: str, load: Load, depositor: Depositor) -> Slip:
        """Somebody brings something; what the slip says is what they believe."""
        person = Person(
            load,
            depositor,
            seen=set(self._seen()),
            order=self.draw.choice(ORDERS),
            hesitates_ms=self.draw.choice([0, 0, 0, 4_000]),
        )
        slip = self.receive(person).slip
        assert slip
        told = (slip.fraction, slip.pieces or 0, slip.net_mg or 0)
        assert (load.fraction, load.pieces, _shown_mg(load.mass_mg)) == told, self.truth.faults[-3:]
        assert slip.deposit not in self.truth.kept
        amount = 1000 * load.pieces or _shown_mg(load.mass_mg)
        self.truth.kept[slip.deposit] = Kept(member, load.fraction, amount)
        return slip

    def dishonest(self, kind: str, script: tuple[cheats.Step, ...]) -> None:
        """Somebody tries it on."""
        self.truth.tries.append((kind, self.receive(Cheat(script, seen=set(self._seen())))))
        self._pass(6_000)

    def takes_back(self, slip: Slip) -> None:
        """The depositor has second thoughts while the slip is shown."""
        for _ in range(50):
            view = self.point.view()
            if view.can_undo and view.slip and view.slip.deposit == slip.deposit:
                self._touch({"act": "undo"})
                break
            self._step()
        # The lights may go out at that moment; the day sheet tells which of the two it is.
        if not self._counts_as(slip):
            del self.truth.kept[slip.deposit]

    def turns_away(self, load: Load) -> None:
        """An operator looks into the bag, and what is in it is mixed."""
        self.point.sign_in(PIN)
        self._plate.put(load.mass_mg, now_ms=self.now_ms)
        self._pass(3_000)
        before = self.point.refusals["mixed"]
        self._touch({"act": "choose", "fraction": load.fraction})
        self._take(NotAccepted("mixed"))
        self.truth.turned_away += self.point.refusals["mixed"] - before
        self._plate.put(0, now_ms=self.now_ms)
        self.point.sign_out()
        self._pass(12_000)

    def corrects(self, slip: Slip, fraction: str) -> None:
        """The operator sees at the container that it was something else, and does it again where
        the lights went out before it was written down.
        """
        while self._counts_as(slip) != fraction:
            try:
                self.point.sign_in(PIN)
                self.point.correct(slip.deposit, fraction=fraction, reason="was paper after all")
                self.point.sign_out()
            except PowerCut:
                self._power_cut()
        kept = self.truth.kept[slip.deposit]
        self.truth.kept[slip.deposit] = kept._replace(fraction=fraction)

    def _counts_as(self, slip: Slip) -> str:
        """What the day sheet says that a deposit is, "" for one that was taken back."""
        (done,) = [one for one in self.point.deposits() if one.deposit == slip.deposit]
        return done.now

    def paint(self, member: str, mass_mg: int) -> None:
        """Paint is only taken in with the operator at hand, who stays."""
        self._is_attended = True
        self.honest(member, Load("paint", mass_mg), Depositor(CARDS[member]))
        self._is_attended = False
        self.point.sign_out()

    def _seen(self) -> Iterator[str]:
        yield from self.truth.kept
        view = self.point.view()
        if view.slip:
            yield view.slip.deposit

    # The way to the books

    def deliver(self, *, everything: bool = False) -> None:
        """What the journal holds goes out: some twice, some late, in any order."""
        if self.now_ms < self._link_down_ms and not everything:
            return
        chain = next(c for c in self.journal.chains() if c.kind == EVIDENCE)
        start = max(chain.receipted + 1, chain.first)
        waiting = self.journal.records(chain.chain, start=start, limit=500)
        parcel = [*waiting, *self._held_back, *self.draw.choices(waiting, k=len(waiting) // 4)]
        self.draw.shuffle(parcel)
        self._held_back = [] if everything else parcel[: len(parcel) // 5]
        for data in parcel[len(self._held_back) :]:
            delivery = self.street.take("point", data)
            for receipt in delivery.receipts:
                self._receipt(receipt)

    def _receipt(self, receipt: Receipt) -> None:
        self.journal.receipt(receipt.chain, receipt.up_to, receipt.hash)


def _shown_mg(mass_mg: int) -> int:
    """What the scale shows for a mass: the nearest division, halves upward."""
    return (mass_mg + SCALE.division_mg // 2) // SCALE.division_mg * SCALE.division_mg
