"""A recycling point for tests: its records, and a community that counts more than glass."""

from typing import Any

import msgspec

from drivers.reading import Reading
from gateway.contract import record as records
from gateway.contract.cards import claim, token
from gateway.contract.record import (
    CONTAINER,
    CORRECTION,
    DEPOSIT,
    REFUSAL,
    TEST_WEIGHT,
    Element,
    decimal,
)
from tests.street import CARD_KEY, MIDNIGHT_MS, NOON_MS, POLICY, Chain

MINUTE_MS = 60_000

# On top of glass and paper: things in pieces, things that an operator takes in, a club, and
# vouchers, which can be redeemed.
WASTE_POLICY = (
    POLICY.replace(
        "[[rules]]",
        """
[assets.VOUCHER]
unit = "euro"
scale = 2
kind = "credit"
redeemable = true

[fractions.lamps]
euralcode = "20 01 21"
unit = "piece"
nl = "lampen"
en = "lamps"
operator = true

[fractions.paint]
euralcode = "20 01 27"
unit = "kg"
nl = "verf"
en = "paint"
operator = true

[fractions.metal]
euralcode = "20 01 40"
unit = "kg"
nl = "metaal"
en = "metal"
most = "20 kg"

[fractions.cans]
euralcode = "15 01 04"
unit = "piece"
nl = "blikjes"
en = "cans"

[clubs.bram]
nl = "de voetbal"
en = "the football club"

[[rules]]""",
        1,
    )
    + """rates.metal = { credit = "0.01", per = "1 kg" }
rates.lamps = { credit = "0.1", per = "1 piece" }
rates.paint = { credit = "0.03", per = "1 kg" }

[[rules]]
id = "voucher"
rule = "waste_deposited"
version = 1
asset = "VOUCHER"
exclusive = "what can be redeemed"
rates.metal = { credit = "0.5", per = "1 kg" }
rates.cans = { credit = "0.15", per = "1 piece" }
"""
)


def _mass(name: str, mg: int, **members: Any) -> Element:
    """A mass at the time of its record."""
    device, _, register = name.partition("/")
    made = records.element(device, Reading(register, mg, "mg"), base_ms=0)
    return msgspec.structs.replace(made, **members)


def _words(**words: str) -> list[Element]:
    return [Element(n=f"kiosk/{word}", vs=said) for word, said in words.items()]


class Point(Chain):
    """A chain of the gateway `point`, whose time since its start goes with its clock.

    Without a clock (`has_clock`) its records and their elements have no time.
    """

    has_clock = True

    def __init__(self, gateway: str = "point", chain: str = "evidence-000000000001") -> None:
        super().__init__(gateway, chain)

    def _record(
        self,
        typ: str,
        at_ms: int,
        elements: list[Element],
        *,
        boot: str = "boot",
        set_ms: int = 0,
    ) -> bytes:
        mono_ms = at_ms - set_ms - MIDNIGHT_MS
        made_ms = at_ms if self.has_clock else None
        return self.record(elements, made_ms=made_ms, typ=typ, mono_ms=mono_ms, boot=boot)

    def bring(
        self,
        name: str,
        at_ms: int = NOON_MS,
        *,
        grams: int = 0,
        pieces: int = 0,
        fraction: str = "glass",
        card: str = "",
        code: str = "",
        serial: str = "",
        alibi: str = "",
        gross_g: int | None = None,
        card_key: bytes = CARD_KEY,
        boot: str = "boot",
        **words: str,
    ) -> bytes:
        """A deposit called `name`; further words of the kiosk as they are, such as club="bram"."""
        elements = _words(deposit=name, fraction=fraction, **words)
        elements.append(Element(n="kiosk/card", vs=token(card, card_key) if card else ""))
        if code:
            elements.append(Element(n="kiosk/claim", vs=claim(code, card_key)))
        if pieces:
            elements.append(Element(n="kiosk/pieces", u="count", v=decimal(pieces * 1000)))
        else:
            gross_mg = (grams if gross_g is None else gross_g) * 1000
            elements += [
                _mass("scale/gross", gross_mg, serial=serial),
                _mass("scale/net", gross_mg, serial=serial),
                _mass("kiosk/net", grams * 1000),
                _mass("kiosk/division", 20_000),
            ]
            if alibi:
                elements.append(Element(n="scale/alibi", vs=alibi, serial=serial))
        return self._record(DEPOSIT, at_ms, elements, boot=boot)

    def correct(
        self,
        name: str,
        at_ms: int,
        fraction: str = "",
        *,
        by: str = "member",
        reason: str = "",
        boot: str = "boot",
        set_ms: int = 0,
    ) -> bytes:
        """`set_ms` is by how much the clock was set forward since the deposit."""
        words = _words(deposit=name, fraction=fraction, by=by, reason=reason)
        return self._record(CORRECTION, at_ms, words, boot=boot, set_ms=set_ms)

    def empty(
        self, name: str, at_ms: int, *, fraction: str = "glass", kg: int | None = None
    ) -> bytes:
        return self._container("emptied", name, at_ms, fraction, kg)

    def haul(self, name: str, at_ms: int, *, kg: int, fraction: str = "glass") -> bytes:
        return self._container("hauled", name, at_ms, fraction, kg)

    def _container(self, event: str, name: str, at_ms: int, fraction: str, kg: int | None) -> bytes:
        elements = _words(container=fraction, event=event, emptying=name)
        if kg is not None:
            elements.append(_mass("kiosk/hauled", kg * 1_000_000))
        return self._record(CONTAINER, at_ms, elements)

    def check(self, at_ms: int, *, nominal_g: int, shown_g: int, division_g: int = 20) -> bytes:
        elements = [
            _mass("kiosk/nominal", nominal_g * 1000),
            *([_mass("kiosk/division", division_g * 1000)] if division_g else ()),
            _mass("scale/net", shown_g * 1000, serial="S1"),
        ]
        return self._record(TEST_WEIGHT, at_ms, elements)

    def turn_away(self, at_ms: int, reason: str, fraction: str = "") -> bytes:
        return self._record(REFUSAL, at_ms, _words(reason=reason, fraction=fraction))
