"""The recycling point: what scale and reader say becomes events, a deposit becomes a record."""

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from drivers.reading import Message, Reading
from gateway.contract import cards, record, signed
from gateway.contract.keys import b64
from gateway.contract.record import DEPOSIT, Element, element
from gateway.devices import CARD
from gateway.journal import EVIDENCE, Journal
from gateway.kiosk import session
from gateway.kiosk.session import Deposit, Fraction, OutOfRange, Session, Tick, Weight
from gateway.quarter import Moment

log = structlog.get_logger()

# A card held at the reader is read again and again; a gap this long is a new tap.
TAP_MS = 1_000
# After a restart somebody may still stand at the scale, wondering.
LAST_SHOWN_MS = 600_000


class Shown(NamedTuple):
    """The deposit on the screen. `card` is the token, never the number."""

    id: str
    net_mg: int
    fraction: str
    card: str
    at_ms: int | None


class Point:
    """Owns the session; `real_ms` is a monotonic clock in real milliseconds."""

    def __init__(
        self,
        journal: Journal,
        *,
        scale: str,
        reader: str,
        card_key: bytes,
        fractions: dict[str, str],
        moment: Callable[[], Moment],
        real_ms: Callable[[], int],
    ) -> None:
        self.session = Session()
        self.shown: Shown | None = None
        self._journal = journal
        self._scale = scale
        self._reader = reader
        self._card_key = card_key
        self._fractions = {number.upper(): name for number, name in fractions.items()}
        self._moment = moment
        self._real_ms = real_ms
        self._tapped = ""
        self._tapped_ms = 0
        self._show_last()

    def _show_last(self) -> None:
        """After a restart: the last deposit is shown, so that nobody weighs twice."""
        now_ms = self._moment().utc_ms
        if now_ms is None:
            return
        recent = self._journal.since(DEPOSIT, now_ms - LAST_SHOWN_MS)
        if recent:
            self.shown = _shown(record.read(signed.parse(recent[-1])), self._scale)
            self.session = Session(sentence=session.SENTENCES["last"])

    def hear(self, device: str, message: Message) -> None:
        """A message of any device of the gateway."""
        if device == self._reader:
            for reading in message.readings:
                if reading.register == CARD:
                    self._tap(str(reading.value).upper())
        elif device == self._scale:
            event = weight_of(message)
            if event:
                self._advance(event)

    def tick(self) -> None:
        self._advance(Tick())

    def _tap(self, number: str) -> None:
        now_ms = self._real_ms()
        is_held = number == self._tapped and now_ms - self._tapped_ms < TAP_MS
        self._tapped, self._tapped_ms = number, now_ms
        if is_held:
            return
        name = self._fractions.get(number)
        if name:
            self._advance(Fraction(name))
        else:
            self._advance(session.Card(cards.token(number, self._card_key)))

    def _advance(self, event: session.Event) -> None:
        before = self.session
        self.session, deposit = session.advance(before, event, now_ms=self._real_ms())
        if deposit:
            self._keep(deposit)
            self.session, _ = session.advance(self.session, session.Kept(), now_ms=self._real_ms())
        if self.session.phase != before.phase:
            log.info(
                "kiosk_phase_changed", phase=self.session.phase, sentence=self.session.sentence
            )
            if self.session.phase in {session.IDLE, session.CARD, session.REFUSED}:
                self.shown = None

    def _keep(self, deposit: Deposit) -> None:
        """Commit the deposit; it is accepted when this returns."""
        moment = self._moment()
        deposit_id = os.urandom(16).hex()
        elements = deposit_elements(
            deposit, scale=self._scale, deposit_id=deposit_id, at_ms=moment.utc_ms
        )
        self._journal.append(EVIDENCE, DEPOSIT, elements, moment=moment)
        self._journal.commit(moment)
        self.shown = Shown(
            id=deposit_id,
            net_mg=deposit.weight.net_mg,
            fraction=deposit.fraction,
            card=deposit.card,
            at_ms=moment.utc_ms,
        )
        log.info("deposit_kept", deposit=deposit_id, net_mg=deposit.weight.net_mg)


def weight_of(message: Message) -> Weight | OutOfRange | None:
    """What a scale's message means for the session, None where it says nothing about weight.

    Of gross, tare and net the scale may leave out any: what is missing follows from the others,
    and a lone weight is both gross and net.
    """
    words = {"gross", "net", "tare"}
    shown = {r.register: r for r in message.readings if r.register in words and r.unit == "mg"}
    mass = {register: int(reading.value) for register, reading in shown.items()}
    if "net" not in mass and "gross" not in mass:
        which = {fault.kind for fault in message.faults} & {"over", "under"}
        return OutOfRange(which.pop()) if which else None
    if "tare" in mass:
        tare_mg = mass["tare"]
    else:
        tare_mg = mass["gross"] - mass["net"] if len(mass) == 2 else 0
    net_mg = mass["net"] if "net" in mass else mass["gross"] - tare_mg
    is_stable = all(reading.doubt != "unstable" for reading in shown.values())
    return Weight(net_mg, is_stable, mass.get("gross", net_mg + tare_mg), tare_mg, message.raw)


def deposit_elements(
    deposit: Deposit, *, scale: str, deposit_id: str, at_ms: int | None
) -> list[Element]:
    """The elements of a deposit's record, as the table of kinds in `docs/wire.md` lists them."""
    weight = deposit.weight
    masses = {"gross": weight.gross_mg, "tare": weight.tare_mg, "net": weight.net_mg}
    return [
        *(
            element(scale, Reading(register, mass, "mg", at_ms), base_ms=at_ms or 0)
            for register, mass in masses.items()
        ),
        Element(n="kiosk/fraction", vs=deposit.fraction),
        Element(n="kiosk/card", vs=deposit.card),
        Element(n="kiosk/deposit", vs=deposit_id),
        Element(n="kiosk/stable", u="count", v=msgspec.Raw(str(deposit.times).encode())),
        Element(n=f"{scale}/telegram", vd=b64(weight.raw)),
    ]


def _shown(kept: record.Record, scale: str) -> Shown:
    by_name = {one.n: one for one in kept.elements}
    return Shown(
        id=by_name["kiosk/deposit"].vs,
        net_mg=record.milli(by_name[f"{scale}/net"].v),
        fraction=by_name["kiosk/fraction"].vs,
        card=by_name["kiosk/card"].vs,
        at_ms=kept.identity.made_ms,
    )
