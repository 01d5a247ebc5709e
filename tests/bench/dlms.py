"""DLMS pushes a second, of ours and of dlms-cosem, of each kind of list that it decodes."""

import random
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

from dlms_cosem import utils
from dlms_cosem.protocol.xdlms import GeneralGlobalCipher
from dlms_cosem.protocol.xdlms.data_notification import DataNotification
from dlms_cosem.security import SecurityControlField, decrypt

from drivers import dlms
from firmware_sim import cosem
from tests.bench import Ratio

TELEGRAMS = 240  # of a meter that pushes every ten seconds
RUNS = 21
CHUNK_BYTES = 64
GOAL = 3.0

# An Aidon of three phases: registers, bytes of the number, scaler and unit.
_OBJECTS = [
    *((f"1-0:{c}.7.0", 4, 0, unit) for c, unit in ((1, 27), (2, 27), (3, 29), (4, 29))),
    *((f"1-0:{c}.7.0", 2, -1, 33) for c in (31, 51, 71)),
    *((f"1-0:{c}.7.0", 2, -1, 35) for c in (32, 52, 72)),
    *((f"1-0:{p + c}.7.0", 4, 0, 27 if c < 3 else 29) for p in (20, 40, 60) for c in range(1, 5)),
    *((f"1-0:{c}.8.0", 4, 0, 30 if c < 3 else 32) for c in range(1, 5)),
]


def _clock(second: int) -> bytes:
    hour, minute = second // 3600 % 24, second // 60 % 60
    return bytes.fromhex("07ea061507") + bytes((hour, minute, second % 60)) + b"\xff\x80\0\0"


def _scaled(second: int, chance: random.Random) -> bytes:
    """One list of 27 objects, about 570 bytes, every number another than in the one before."""
    items = [cosem.structure(cosem.code("0-0:1.0.0"), cosem.octets(_clock(second)))]
    for register, width, scaler, unit in _OBJECTS:
        number = cosem.unsigned(chance.randrange(1 << 8 * width - 9), width)
        scale = cosem.structure(bytes((15, scaler & 0xFF)), bytes((22, unit)))
        items.append(cosem.structure(cosem.code(register), number, scale))
    return cosem.notification(0x40000000, b"", cosem.array(*items))


def _volts(chance: random.Random, width: int, times: int) -> list[bytes]:
    return [cosem.unsigned(chance.randrange(222 * times, 240 * times), width) for _ in range(3)]


def _numbers(chance: random.Random, count: int, width: int = 4) -> list[bytes]:
    return [cosem.unsigned(chance.randrange(1, 15_000), width) for _ in range(count)]


def _bare(second: int, chance: random.Random) -> bytes:
    """As Kaifa: 18 values without names, but for the type before the moment and for visible
    strings, which the peer does not read."""
    texts = (b"KFM_001", b"6970631400000019", b"MA304H3E")
    items = [*map(cosem.octets, texts), *_numbers(chance, 7), *_volts(chance, 4, 10)]
    items += [cosem.octets(_clock(second)), *_numbers(chance, 4)]
    return cosem.notification(0x40000000, _clock(second), cosem.structure(*items))


_FLAT = [f"1-1:{c}.{d}.0" for d in (8, 7) for c in range(1, 5)]
_FLAT += [f"1-1:{c}.7.0" for c in (31, 51, 71, 32, 52, 72)]


def _flat(second: int, chance: random.Random) -> bytes:
    """As Kamstrup: codes and values in turn."""
    items = [cosem.octets(_clock(second))]
    for name, number in zip(_FLAT, _numbers(chance, 11) + _volts(chance, 2, 1), strict=True):
        items += [cosem.code(name), number]
    return cosem.notification(0, _clock(second), cosem.structure(*items))


def _swiss(second: int, chance: random.Random) -> bytes:
    """As Landis+Gyr in Switzerland: the attributes that are pushed, then their values."""
    objects = [(40, "0-8:25.9.0"), (1, "0-0:42.0.0"), (1, "0-0:96.1.1"), (8, "0-0:1.0.0")]
    objects += [(3, name.replace("1-1:", "1-0:")) for name in _FLAT]
    entries = [
        cosem.structure(
            cosem.unsigned(kind, 2), cosem.code(name), bytes((15, 2)), cosem.unsigned(0, 2)
        )
        for kind, name in objects
    ]
    items = [cosem.array(*entries), cosem.octets(b"LGZ1030655900021"), cosem.octets(b"1935021")]
    items += [cosem.octets(_clock(second)), *_numbers(chance, 8)]
    items += [*_numbers(chance, 3, 2), *_volts(chance, 2, 1)]
    return cosem.notification(0, _clock(second), cosem.structure(*items))


class Kind(NamedTuple):
    """A kind of list: how it is made and sent, the readings in it, and the settings to read it."""

    make: Callable[[int, random.Random], bytes]
    send: Callable[[bytes], bytes]
    readings: int
    settings: Mapping[str, str]


def _in_one(apdu: bytes) -> bytes:
    return cosem.in_one(apdu, to=b"\x41", of=b"\x08\x83")


_KEYS = {"key": cosem.KEY.hex(), "auth_key": cosem.AUTH_KEY.hex()}
KINDS = {
    "with scalers": Kind(_scaled, _in_one, 27, {}),
    "bare": Kind(_bare, _in_one, 18, {}),
    "flat, encrypted": Kind(_flat, _in_one, 15, _KEYS),
    "Swiss, in blocks": Kind(_swiss, cosem.in_blocks, 17, {}),
}


def _ours(chunks: list[bytes], kind: Kind) -> int:
    session = dlms.DEVICE.open(kind.settings)
    told = 0
    for chunk in chunks:
        for message in session.feed(chunk):
            told += len(message.readings) == kind.readings
    return told


def _peer(apdus: list[bytes], kind: Kind) -> int:
    """Its notifications are out of their frames already, and get no names or units."""
    control = SecurityControlField(0, authenticated=True, encrypted=True)
    told = 0
    for apdu in apdus:
        plain = apdu
        if kind.settings:
            sealed = GeneralGlobalCipher.from_bytes(apdu)
            plain = decrypt(
                control,
                sealed.system_title,
                sealed.invocation_counter,
                cosem.KEY,
                sealed.ciphered_text,
                cosem.AUTH_KEY,
            )
        body = utils.parse_as_dlms_data(DataNotification.from_bytes(bytes(plain)).body)
        told += len(body) >= kind.readings
    return told


def _ratio(name: str, kind: Kind) -> Ratio:
    chance = random.Random(2026)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(RUNS):
        first = turn * TELEGRAMS
        apdus = [kind.make((first + n) * 10, chance) for n in range(TELEGRAMS)]
        if kind.settings:
            apdus = [
                cosem.sealed(apdu, title=b"MKT\0\0\0\0\1", counter=n, tagged=True)
                for n, apdu in enumerate(apdus)
            ]
        stream = b"".join(map(kind.send, apdus))
        chunks = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
        begun = time.process_time()
        count = _ours(chunks, kind)
        ours.append(time.process_time() - begun)
        begun = time.process_time()
        count += _peer(apdus, kind)
        theirs.append(time.process_time() - begun)
        assert count == 2 * TELEGRAMS, f"{name}: {count}"
    return Ratio(
        f"dlms over dlms-cosem, {name}",
        TELEGRAMS / median(ours),
        TELEGRAMS / median(theirs),
        median(theirs / mine for theirs, mine in zip(theirs, ours, strict=True)),
        GOAL,
    )


def run() -> list[Ratio]:
    """The whole driver, its frames checked and in small pieces, against the peer's bare parser."""
    return [_ratio(name, kind) for name, kind in KINDS.items()]
