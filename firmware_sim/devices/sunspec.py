"""Inverters and meters that speak SunSpec.

Spec: SunSpec Device Information Model 1.1, §3 and §4; models 1, 103, 203 and 213. Offsets are
counted from the first register after id and length.
"""

from collections.abc import Callable
from typing import NamedTuple

from firmware_sim import modbus
from firmware_sim.device import Shown, Simulator
from firmware_sim.modbus import HOLDING, Cell, Meter, Slave

NO_INT, NO_UNSIGNED, NO_SCALE = 0x8000, 0xFFFF, 0x8000
NO_FLOAT = 0x7FC00000
PRODUCING = 4


class Body(NamedTuple):
    """A model: its id, its length, and its cells from a register on."""

    id: int
    size: int
    cells: Callable[[Shown, int], list[Cell]]


def _number(
    shown: Shown, register: str, at: int, scale: int, *, width: int = 1, sign: int = 1
) -> Cell:
    """An integer in steps of 10^scale of the unit, that is, of 10^(3 + scale) milli-units."""
    step = 10 ** (3 + scale)
    steps = sign * int(shown[register]) // step
    return modbus.whole(steps, at, width)._replace(register=register, value=sign * steps * step)


def _scale(at: int, scale: int) -> Cell:
    return modbus.whole(scale, at, 1)


def _plate(maker: str, model: str, serial: str) -> Body:
    def cells(shown: Shown, at: int) -> list[Cell]:
        del shown
        return [
            modbus.text(maker, at, 16)._replace(register="manufacturer", value=maker),
            modbus.text(model, at + 16, 16)._replace(register="model", value=model),
            modbus.text("", at + 32, 8),
            modbus.text("2.1", at + 40, 8),
            modbus.text(serial, at + 48, 16)._replace(register="0-0:96.1.0", value=serial),
            modbus.whole(1, at + 64, 1),
            modbus.whole(0x8000, at + 65, 1),
        ]

    return Body(1, 66, cells)


def _meter(shown: Shown, at: int) -> list[Cell]:
    """Model 203: what it lacks is apparent and reactive power by phase, and all other energy."""
    cells = [
        modbus.whole(NO_INT, at, 1),
        *(_number(shown, f"1-0:{11 + 20 * n}.7.0", at + n, -2) for n in (1, 2, 3)),
        _scale(at + 4, -2),
        modbus.whole(NO_INT, at + 5, 1),
        *(_number(shown, f"1-0:{12 + 20 * n}.7.0", at + 5 + n, -1) for n in (1, 2, 3)),
        *(modbus.whole(NO_INT, at + n, 1) for n in range(9, 13)),
        _scale(at + 13, -1),
        _number(shown, "1-0:14.7.0", at + 14, -2),
        _scale(at + 15, -2),
        _number(shown, "1-0:16.7.0", at + 16, 1),
        *(_number(shown, f"1-0:{16 + 20 * n}.7.0", at + 16 + n, 1) for n in (1, 2, 3)),
        _scale(at + 20, 1),
        _number(shown, "1-0:9.7.0", at + 21, 1),
        *(modbus.whole(NO_INT, at + n, 1) for n in (22, 23, 24)),
        _scale(at + 25, 1),
        *(modbus.whole(NO_INT, at + n, 1) for n in range(26, 30)),
        _scale(at + 30, NO_SCALE),
        *(modbus.whole(NO_INT, at + n, 1) for n in range(31, 35)),
        _scale(at + 35, NO_SCALE),
        _number(shown, "1-0:2.8.0", at + 36, 0, width=2),
        *(modbus.whole(0, at + n, 2) for n in (38, 40, 42)),
        _number(shown, "1-0:1.8.0", at + 44, 0, width=2),
        *(modbus.whole(0, at + n, 2) for n in (46, 48, 50)),
        _scale(at + 52, 0),
    ]
    # Apparent and reactive energy, and events.
    return [*cells, Cell(HOLDING, at + 53, bytes(2 * (105 - 53)))]


def _float_meter(shown: Shown, at: int) -> list[Cell]:
    """Model 213."""
    rows = [
        ("", "1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"),
        ("", "1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"),
        ("", "", "", ""),
        ("1-0:14.7.0",),
        ("1-0:16.7.0", "1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0"),
        ("1-0:9.7.0", "1-0:29.7.0", "1-0:49.7.0", "1-0:69.7.0"),
        ("reactive-power-signed", *(f"reactive-power-signed.l{n}" for n in (1, 2, 3))),
        ("", "", "", ""),
        ("1-0:2.8.0", "1-0:22.8.0", "1-0:42.8.0", "1-0:62.8.0"),
        ("1-0:1.8.0", "1-0:21.8.0", "1-0:41.8.0", "1-0:61.8.0"),
    ]
    names = [name for row in rows for name in row]
    cells = [
        modbus.single(shown, at + 2 * n, name, 3, HOLDING)
        if name
        else modbus.whole(NO_FLOAT, at + 2 * n, 2)
        for n, name in enumerate(names)
    ]
    rest = range(2 * len(names), 122, 2)
    return [
        *cells,
        *(modbus.whole(NO_FLOAT, at + n, 2) for n in rest),
        modbus.whole(0, at + 122, 2),
    ]


def _inverter(shown: Shown, at: int) -> list[Cell]:
    """Model 103; its power is positive when it gives."""
    return [
        modbus.whole(NO_UNSIGNED, at, 1),
        *(_number(shown, f"1-0:{11 + 20 * n}.7.0", at + n, -2) for n in (1, 2, 3)),
        _scale(at + 4, -2),
        *(modbus.whole(NO_UNSIGNED, at + n, 1) for n in (5, 6, 7)),
        *(_number(shown, f"1-0:{12 + 20 * n}.7.0", at + 7 + n, -1) for n in (1, 2, 3)),
        _scale(at + 11, -1),
        _number(shown, "1-0:16.7.0", at + 12, 1, sign=-1),
        _scale(at + 13, 1),
        _number(shown, "1-0:14.7.0", at + 14, -2),
        _scale(at + 15, -2),
        *(modbus.whole(NO_INT, at + n, 1) for n in range(16, 22)),
        _number(shown, "1-0:2.8.0", at + 22, 0, width=2),
        _scale(at + 24, 0),
        *(modbus.whole(NO_INT, at + n, 1) for n in range(25, 36)),
        modbus.whole(PRODUCING, at + 36, 1)._replace(register="status", value="producing"),
        Cell(HOLDING, at + 37, bytes(2 * (50 - 37))),
    ]


METER = Body(203, 105, _meter)
FLOAT_METER = Body(213, 124, _float_meter)
INVERTER = Body(103, 50, _inverter)
# Rated values, which no meter is.
NAMEPLATE = Body(120, 26, lambda _shown, at: [Cell(HOLDING, at, bytes(52))])


def chain(base: int, told: Body, *bodies: Body) -> Callable[[Shown], list[Cell]]:
    """The mark, then the models one after the other; only `told` and its plate are to check."""

    def cells(shown: Shown) -> list[Cell]:
        found = [Cell(HOLDING, base, b"SunS")]
        at = base + 2
        for number, body in enumerate(bodies):
            found += [modbus.whole(body.id, at, 1), modbus.whole(body.size, at + 1, 1)]
            here = body.cells(shown, at + 2)
            is_told = body is told or bodies[number + 1 : number + 2] == (told,)
            found += here if is_told else [cell._replace(register="") for cell in here]
            at += 2 + body.size
        return [*found, modbus.whole(0xFFFF, at, 1), modbus.whole(0, at + 1, 1)]

    return cells


_OWN = _plate("XYZ", "Meter 3", "30012345")
_SUN = _plate("ABC", "Sun 5.0-3", "SN004711")
METERS = {
    "meter": Meter(chain(40_000, METER, _OWN, METER)),
    "inverter": Meter(chain(40_000, INVERTER, _SUN, INVERTER, NAMEPLATE)),
    "meter with floats": Meter(chain(50_000, FLOAT_METER, _OWN, FLOAT_METER), address=240),
    "meter behind an inverter": Meter(chain(0, METER, _SUN, INVERTER, NAMEPLATE, _OWN, METER)),
}
NEEDS = {
    "meter with floats": {"address": "240"},
    "meter behind an inverter": {"part": "meter"},
}

SIMULATOR = Simulator(
    variants={name: NEEDS.get(name, {}) for name in METERS},
    begin=lambda variant, source, _seed, _at_ms: Slave(METERS[variant], source),
    source=modbus.house,
)
