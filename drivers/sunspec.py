"""SunSpec: inverters and their meters, which tell by themselves what stands where.

Spec: SunSpec Device Information Model 1.1, §3 (the mark, then model after model with its id and
length, to the id FFFF); drivers/wire/sunspec.py has the models.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.sdk import Device, Example, Line, Register, Session, Setting, SettingError
from drivers.wire import modbus_device, sunspec
from drivers.wire.modbus import HOLDING, Question
from drivers.wire.modbus_master import Block, Place, Told
from drivers.wire.registermap import SERIAL

_HEAD = 2  # registers of the mark, and of each model before its own: id and length
MODELS_MAX = 40  # of a chain; a device has about ten
INVERTER, METER = "inverter", "meter"
_PART = re.compile(rf"(?:({INVERTER}|{METER})(?: ([1-9]))?)?")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Link(NamedTuple):
    """A model of the chain: its id, the register after its length, and that length."""

    id: int
    start: int
    size: int


class Book:
    """What was learnt of a device: the chain of its models, and whose type plate this is."""

    def __init__(self, part: str, number: int, sign: int, doubt: str = "") -> None:
        """The `number`th `part` of the chain, inverter or meter; "" is whatever comes first."""
        self._part = part
        self._number = number
        self._sign = sign
        self._doubt = doubt
        self.forget()

    def forget(self) -> None:
        self._chain: list[Link] = []
        self._head: int | None = None  # where the next model's id stands
        self._is_whole = False
        self._plate: sunspec.Plate | None = None

    def refuse(self, block: Block) -> None:
        """There is no mark here, or no type plate: the walk goes on."""
        del block

    def round(self) -> Iterator[Block]:
        if not self._is_whole:
            yield from self._walk()
        chosen = self._chosen()
        if chosen is None:
            self.forget()  # and look again next time
            return
        common = self._common(chosen)
        if common and self._plate is None:
            yield _block(common, optional=True)
        yield _block(chosen)

    def _walk(self) -> Iterator[Block]:
        self.forget()
        for base in sunspec.BASES:
            if self._head is None:
                yield Block(HOLDING, base, 2, optional=True)
        while self._head is not None and not self._is_whole:
            yield Block(HOLDING, self._head, 2)

    def _chosen(self) -> Link | None:
        left = self._number
        for link in self._chain:
            model = sunspec.MODELS.get(link.id)
            if model and self._part in {"", INVERTER if model.is_inverter else METER}:
                left -= 1
                if not left:
                    return link
        return None

    def _common(self, chosen: Link) -> Link | None:
        """The type plate that stands before it: a meter behind an inverter has its own."""
        before = [link for link in self._chain if link.start < chosen.start]
        return next((link for link in reversed(before) if link.id == sunspec.COMMON), None)

    def take(self, question: Question, registers: bytes, place: Place) -> Told:
        if question.function != HOLDING:
            return Told(())
        faults = self._learn(question.start, registers, place)
        if question.size <= _HEAD:
            return _new(Told, ((), tuple(faults)))
        readings: list[Reading] = []
        chosen = self._chosen()
        common = self._common(chosen) if chosen else None
        if common and (raw := _part(common, question, registers)):
            self._plate = sunspec.plate(raw)
            readings += self._told_plate(self._plate)
        if chosen and (raw := _part(chosen, question, registers)):
            told, wrong = sunspec.read(
                sunspec.MODELS[chosen.id],
                raw,
                place,
                serial=self._plate.serial if self._plate else "",
                doubt=self._doubt,
                sign=self._sign,
            )
            readings += told
            faults += wrong
        return Told(tuple(readings), tuple(faults))

    def _told_plate(self, plate: sunspec.Plate) -> list[Reading]:
        words = (("manufacturer", plate.maker), ("model", plate.model), (SERIAL, plate.serial))
        return [
            Reading(register, word, "", None, plate.serial, None, self._doubt)
            for register, word in words
        ]

    def _learn(self, start: int, registers: bytes, place: Place) -> list[Fault]:
        """Follow the chain as far as it stands in these registers."""
        stop = start + len(registers) // 2
        for base in sunspec.BASES:
            if not start <= base <= stop - 2:
                continue
            at = 2 * (base - start)
            if registers[at : at + 4] == sunspec.MARK:
                self.forget()  # somebody begins anew: it may be another device
                self._head = base + 2
            elif self._head is None and stop - start == 2:
                detail = f"no SunSpec mark at {base}"
                return [Fault("object", *place, detail)]
        while self._head is not None and not self._is_whole and start <= self._head <= stop - 2:
            at = 2 * (self._head - start)
            number = int.from_bytes(registers[at : at + 2], "big")
            size = int.from_bytes(registers[at + 2 : at + 4], "big")
            first = self._head + 2
            following = first + size
            if number == sunspec.END or len(self._chain) == MODELS_MAX or following > 0xFFFD:
                return self._end(place)
            self._chain.append(_new(Link, (number, first, size)))
            self._head = following
        return []

    def _end(self, place: Place) -> list[Fault]:
        self._is_whole = True
        if self._chosen():
            return []
        ids = ", ".join(str(link.id) for link in self._chain) or "no model at all"
        wanted = f"{self._part or 'meter or inverter'} {self._number}"
        return [Fault("object", *place, f"no {wanted} in the chain of {ids}")]


def _size(link: Link) -> int:
    """Registers to read of a model: what we know of it, as far as the device has it."""
    known = sunspec.MODELS.get(link.id)
    return min(link.size, known.size if known else link.size, 125)


def _block(link: Link, *, optional: bool = False) -> Block:
    return Block(HOLDING, link.start, _size(link), optional)


def _part(link: Link, question: Question, registers: bytes) -> bytes:
    """The registers of a model, if all of them are here."""
    at, size = 2 * (link.start - question.start), 2 * _size(link)
    return registers[at : at + size] if 0 <= at <= len(registers) - size else b""


def _open(settings: Mapping[str, str]) -> Session:
    text = settings.get("part", "").strip().lower()
    match = _PART.fullmatch(text)
    if match is None:
        allowed = "inverter, meter, meter 2 and so on; nothing for whatever comes first"
        raise SettingError("part", f"{text!r} cannot be used", allowed)
    positive = settings.get("positive", "").strip().lower() or "taken"
    if positive not in {"taken", "given"}:
        raise SettingError("positive", f"{positive!r} cannot be used", "taken or given")
    part, number = match[1] or "", int(match[2] or 1)
    sign = 1 if positive == "taken" else -1
    return modbus_device.open_session(settings, lambda doubt: Book(part, number, sign, doubt))


DEVICE = Device(
    name="sunspec",
    title="SunSpec inverter or meter",
    line=Line(9600),
    wiring=(
        "Modbus TCP over the home network, switched on in the inverter's menu, or two wires from "
        "its RS-485 terminals to a converter. Many inverters answer one master only: nothing else "
        "may ask it meanwhile."
    ),
    registers=(
        Register("1-0:1.8.0", "mWh", "electricity taken from the net; 21, 41 and 61 by phase"),
        Register("1-0:2.8.0", "mWh", "given to the net, or made by an inverter; 22, 42, 62"),
        Register("1-0:16.7.0", "mW", "power now, positive when taken; 36, 56 and 76 by phase"),
        Register("1-0:9.7.0", "mVA", "apparent power; 29, 49 and 69 by phase"),
        Register("reactive-power-signed", "mvar", "reactive power with its sign; .l1, .l2, .l3"),
        Register("1-0:32.7.0", "mV", "voltage of phase 1; 52 and 72 for phases 2 and 3"),
        Register("1-0:31.7.0", "mA", "current of phase 1; 51 and 71 for phases 2 and 3"),
        Register("1-0:14.7.0", "mHz", "frequency"),
        Register("status", "", "what an inverter is doing"),
        Register("manufacturer", "", "maker, from the type plate"),
        Register("model", "", "what its maker calls it"),
        Register(SERIAL, "", "serial number"),
    ),
    examples=(
        Example(
            "an inverter of three phases, read at once by another master",
            bytes.fromhex(
                "01039c40007aebad0103f453756e5300010042414243000000000000000000000000000000000000"
                "000000000000000000000053756e20352e302d330000000000000000000000000000000000000000"
                "00000000000000000000000000000000000000312e3134000000000000000000000000534e303034"
                "37313100000000000000000000000000000000000000000000000000018000006700320412015b01"
                "5c015bfffe0fac0fa90faf090c090a090effff09660000138afffe096b0000ff6c000026fafffe01"
                "1aa5550000ffff8000ffff800080008000019c800080008000ffff00040000000000000000000000"
                "000000000000000000000000000000edf1"
            ),
            tuple(
                Reading(register, value, unit, None, "SN004711")
                for register, value, unit in (
                    ("manufacturer", "ABC", ""),
                    ("model", "Sun 5.0-3", ""),
                    ("0-0:96.1.0", "SN004711", ""),
                    ("1-0:31.7.0", 3_470, "mA"),
                    ("1-0:51.7.0", 3_480, "mA"),
                    ("1-0:71.7.0", 3_470, "mA"),
                    ("1-0:32.7.0", 231_600, "mV"),
                    ("1-0:52.7.0", 231_400, "mV"),
                    ("1-0:72.7.0", 231_800, "mV"),
                    ("1-0:16.7.0", -2_406_000, "mW"),
                    ("1-0:14.7.0", 50_020, "mHz"),
                    ("1-0:9.7.0", 2_411_000, "mVA"),
                    ("reactive-power-signed", -148_000, "mvar"),
                    ("1-0:2.8.0", 18_523_477_000, "mWh"),
                    ("status", "producing", ""),
                )
            ),
        ),
        Example(
            "a meter that gives, read model by model",
            bytes.fromhex(
                "01039c400002eb8f01030453756e5396f001039c4200024a4f010304000100422bc201039c860002"
                "0bb201030400cb00694be301039cf10002bba8010304ffff0000fa1701039c440042abbe01038458"
                "595a00000000000000000000000000000000000000000000000000000000004d6574657220330000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000031"
                "2e313400000000000000000000000033303031323334350000000000000000000000000000000000"
                "000000000000000001800042ef01039c8800692b9e0103d2fcd4fed3ff01ff00fffe090308fd0908"
                "09040f9c0f910fa40f9effff1386fffef8b5fd4cfdb5fdb4000007518000800080000000ff9b8000"
                "800080000000fc1b800080008000fffd00434bd5000000000000000000000000001271ec00000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "00008000000000000000000000000000000000000000000000000000000000000000000000000000"
                "0000000000000000000000000000000000000000000000000000000080000000000008e5"
            ),
            tuple(
                Reading(register, value, unit, None, "30012345")
                for register, value, unit in (
                    ("manufacturer", "XYZ", ""),
                    ("model", "Meter 3", ""),
                    ("0-0:96.1.0", "30012345", ""),
                    ("1-0:31.7.0", -3_010, "mA"),
                    ("1-0:51.7.0", -2_550, "mA"),
                    ("1-0:71.7.0", -2_560, "mA"),
                    ("1-0:32.7.0", 230_100, "mV"),
                    ("1-0:52.7.0", 231_200, "mV"),
                    ("1-0:72.7.0", 230_800, "mV"),
                    ("1-0:14.7.0", 49_980, "mHz"),
                    ("1-0:16.7.0", -1_867_000, "mW"),
                    ("1-0:36.7.0", -692_000, "mW"),
                    ("1-0:56.7.0", -587_000, "mW"),
                    ("1-0:76.7.0", -588_000, "mW"),
                    ("1-0:9.7.0", 1_873_000, "mVA"),
                    ("reactive-power-signed", -101_000, "mvar"),
                    ("1-0:2.8.0", 4_410_325_000, "mWh"),
                    ("1-0:1.8.0", 1_208_812_000, "mWh"),
                )
            ),
        ),
    ),
    recognise=modbus_device.recogniser(lambda doubt: Book("", 1, 1, doubt)),
    open=_open,
    polled=True,
    checksum_bits=16,
    settings=(
        *modbus_device.SETTINGS,
        Setting("part", "", "inverter, meter, meter 2 …; empty for whatever comes first"),
        Setting("positive", "taken", "what positive power of a meter means: taken or given"),
    ),
    quirks=(
        "It is seen from the net: what an inverter makes is 2.8.0, and its power is negative.",
        'Meters of SolarEdge have power the other way round: positive = "given".',
        "An inverter and the meters behind it are parts of one device: a block for each part.",
        "What a device does not have is left out, and a counter at 0 counts as that.",
        *modbus_device.QUIRKS,
    ),
)
