"""The records of a recycling point: what each says, as the table of kinds in `docs/wire.md`."""

from typing import NamedTuple

import msgspec

from drivers.reading import Reading
from gateway.contract import record
from gateway.contract.keys import b64
from gateway.contract.record import Element, Record, element
from gateway.kiosk.events import Deposit, Refused, Weight

# Who corrected, and what happened to a container.
MEMBER, OPERATOR = "member", "operator"
EMPTIED, HAULED = "emptied", "hauled"
# Why, in an operator's own words.
REASON_CHARS_MAX = 200


class Made(NamedTuple):
    """What the point adds to a deposit: its id, who stands for it, and its time, UTC ms."""

    deposit: str
    claim: str
    division_mg: int
    at_ms: int | None


def deposit(given: Deposit, made: Made, *, scale: str) -> list[Element]:
    """One deposit. Its time stands at the element that counts: `kiosk/net` or `kiosk/pieces`."""
    at_ms = made.at_ms
    counted: list[Element] = []
    if given.net_mg is not None:
        counted.append(
            element("kiosk", Reading("net", given.net_mg, "mg", at_ms), base_ms=at_ms or 0)
        )
    if given.pieces is not None:
        t = record.decimal(0) if at_ms is not None else record.NO_NUMBER
        counted.append(Element(n="kiosk/pieces", u="count", v=_count(given.pieces), t=t))
    told = {
        "claim": made.claim,
        "club": given.club,
        "crate": given.crate,
        "operator": "yes" if given.by_operator else "",
    }
    return [
        *(_weighed(given.weight, scale, at_ms) if given.weight else ()),
        *counted,
        Element(n="kiosk/deposit", vs=made.deposit),
        Element(n="kiosk/fraction", vs=given.fraction),
        Element(n="kiosk/card", vs=given.card),
        *(Element(n=f"kiosk/{name}", vs=text) for name, text in told.items() if text),
        *([_mass("crate-tare", given.crate_mg)] if given.crate else ()),
        *([Element(n="kiosk/times", u="count", v=_count(given.times))] if given.weight else ()),
        _mass("division", made.division_mg),
    ]


def _weighed(weight: Weight, scale: str, at_ms: int | None) -> list[Element]:
    """What the scale said itself; its doubt is why the point had to judge it."""
    masses = {"gross": weight.gross_mg, "tare": weight.tare_mg, "net": weight.net_mg}
    doubt = "" if weight.steady == "yes" else weight.steady.replace("no", "unstable")
    return [
        *(
            element(
                scale,
                Reading(register, mass, "mg", at_ms, weight.serial, None, doubt),
                base_ms=at_ms or 0,
            )
            for register, mass in masses.items()
        ),
        *([Element(n=f"{scale}/alibi", vs=weight.alibi)] if weight.alibi else ()),
        Element(n=f"{scale}/telegram", vd=b64(weight.raw)),
    ]


def _count(number: int) -> msgspec.Raw:
    return msgspec.Raw(str(number).encode())


def _mass(name: str, mass_mg: int) -> Element:
    return Element(n=f"kiosk/{name}", u="g", v=record.decimal(mass_mg))


def correction(deposit_id: str, *, fraction: str, by: str, reason: str) -> list[Element]:
    """A deposit is of another fraction, or with fraction "" taken back."""
    return [
        Element(n="kiosk/deposit", vs=deposit_id),
        Element(n="kiosk/fraction", vs=fraction),
        Element(n="kiosk/by", vs=by),
        Element(n="kiosk/reason", vs=reason),
    ]


def refusal(refused: Refused, *, scale: str) -> list[Element]:
    """What was not accepted, of nobody."""
    pack = [Element(n="kiosk/reason", vs=refused.reason)]
    if refused.fraction:
        pack.append(Element(n="kiosk/fraction", vs=refused.fraction))
    if refused.gross_mg is not None:
        pack.append(Element(n=f"{scale}/gross", u="g", v=record.decimal(refused.gross_mg)))
    return pack


def container(fraction: str, *, event: str, emptying: str, hauled_mg: int | None) -> list[Element]:
    """A container was emptied, or the haulier's weight of an emptying is known."""
    pack = [
        Element(n="kiosk/container", vs=fraction),
        Element(n="kiosk/event", vs=event),
        Element(n="kiosk/emptying", vs=emptying),
    ]
    return pack if hauled_mg is None else [*pack, _mass("hauled", hauled_mg)]


def test_weight(
    nominal_mg: int, weight: Weight, *, scale: str, division_mg: int, at_ms: int | None
) -> list[Element]:
    """What the scale showed for a weight that is known."""
    return [
        _mass("nominal", nominal_mg),
        _mass("division", division_mg),
        *_weighed(weight, scale, at_ms),
    ]


# What is read back after a restart


class Fields:
    """The elements of one record of ours by name."""

    def __init__(self, kept: Record) -> None:
        self._elements = {one.n: one for one in kept.elements}

    def text(self, name: str) -> str:
        """The text of `kiosk/NAME`, "" where there is none."""
        one = self._elements.get(f"kiosk/{name}")
        return one.vs if one else ""

    def mass_mg(self, name: str) -> int | None:
        """The mass under this full name, None where there is none."""
        one = self._elements.get(name)
        return record.milli(one.v) if one and bytes(one.v) else None

    def count(self, name: str) -> int | None:
        """The number of `kiosk/NAME`, None where there is none."""
        one = self._elements.get(f"kiosk/{name}")
        return int(bytes(one.v)) if one and bytes(one.v) else None
