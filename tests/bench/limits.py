"""What a driver may cost at most: hostile bytes, growth with their number, and its import.

Every driver file by being there. A ratio is limit / measured, so 1.00 just keeps it.
"""

import gc
import os
import random
import subprocess
import sys
import time

from drivers.sdk import Example
from tests.bench import Ratio
from tests.laws.subjects import DEVICES, SUBJECTS, Subject, cut

MEGABYTE = 1_000_000
HOSTILE_S_MAX = 0.3  # for one megabyte
GROWTH_MAX = 3.0  # times as long for twice as many bytes: 2 is linear, 4 quadratic
IMPORT_MS_MAX = 40.0
IMPORT_MB_MAX = 14.0
CHUNK_BYTES = 4096
LOOK_BYTES = 200_000  # of every shape; of the worst ones all
WORST = 3
RUNS = 3
IMPORTS = 7
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
# Processor time of the import itself in ms, and the most memory that the process ever held in kB.
IMPORT = """
import time
begun = time.process_time()
import drivers.{name}
spent = time.process_time() - begun
import re
status = open("/proc/self/status").read()
print(spent * 1000, re.search(r"VmHWM:\\s+(\\d+)", status)[1])
"""
# Beginnings, ends and fillings of every protocol here, whoever it is fed to.
PIECES = {
    "zero": b"\0",
    "ones": b"\xff",
    "slashes": b"/",
    "ends": b"\n!",
    "headers": b"/AAA\n\n",
    "tiny telegrams": b"/AAA\n\n!0000\n",
    "tiny telegrams without sum": b"/AAA5X\r\n\r\n1-0:1.8.0(1*kWh)\r\n!\r\n",
    "lines": b"1-0:1.8.0(000001.000*kWh)\r\n",
    "optical": b"/AAA5X\r\n\x021.8.0(1*kWh)\r\n!\r\n\x03\x00",
    "requests": b"/?!\r\n",
    "parentheses": b"(" * 40 + b")" * 40 + b"\r\n",
    "escapes": b"\x1b",
    "escapes begun": b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01",
    "escapes ended": b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x1b\x1b\x1b\x1b\x1a\0\0\0",
    "nested lists": b"\x7f\x72\x63",
    "flags": b"~",
    "short HDLC": b"~\xa0\x07\x03\x21\x93\x0f\x01~",
    "long HDLC": b"~\xa7\xff\x41\x08",
    "row of 68": b"\x68",
    "heads of 68": b"\x68\x03\x03\x68",
    "empty M-Bus": b"\x68\x03\x03\x68\x08\x01\x72\x7b\x16",
    "long M-Bus heads": b"\x68\xff\xff\x68\x08",
    "short M-Bus": b"\x10\x5b\x01\x5c\x16",
    "acks": b"\xe5",
    "ciphered": b"\xdb\x08",
    "ciphered, long": b"\xdb\x08AAAAAAAA\x82\x0f\xff\x30",
    "structures": b"\x02\xff\x01\xff\x09\xff",
    "Modbus": b"\x01\x04\x04\0\0\0\0",
    "Modbus, long": b"\x01\x04\xfa",
    "scale": b"S S      1.000 kg\r\n",
    "card": b"\x02",
    "carriage returns": b"\r\n",
    "digits": b"0123456789",
}


def filled(piece: bytes, size: int) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def _own(example: Example, chance: random.Random) -> dict[str, bytes]:
    """Shapes of the device's own words."""
    stream = example.stream
    middle = len(stream) // 2
    damaged = []
    for _ in range(200):
        copy = bytearray(stream)
        copy[chance.randrange(len(copy))] = chance.randrange(256)
        damaged.append(bytes(copy))
    cuts = [stream[: chance.randrange(len(stream))] for _ in range(200)]
    return {
        "first byte": stream[:1],
        "first bytes": stream[:4],
        "first eighth": stream[: len(stream) // 8 + 1],
        "first half": stream[:middle],
        "second half": stream[middle:],
        "last bytes": stream[-4:],
        "all but the end": stream[:-1],
        "damaged ones": b"".join(damaged),
        "pieces": b"".join(cuts),
        "heads and an end": filled(stream[:4], 20_000) + stream,
    }


def shapes(subject: Subject) -> dict[str, bytes]:
    """What to repeat until it is a megabyte, by name."""
    chance = random.Random(2026)
    found = dict(PIECES)
    found["noise"] = chance.randbytes(MEGABYTE)
    found["printable noise"] = bytes(chance.choices(range(32, 127), k=MEGABYTE))
    for number, example in enumerate(subject.examples, start=1):
        for name, piece in _own(example, chance).items():
            found[f"{name} of example {number}"] = piece
    return found


def seconds(subject: Subject, stream: bytes) -> float:
    """Processor time of a new session, for the machine may be busy with others."""
    session = subject.open()
    chunks = cut(stream, CHUNK_BYTES)
    gc.collect()
    begun = time.process_time()
    for chunk in chunks:
        session.feed(chunk)
    session.timeout()
    return time.process_time() - begun


def slowest(subject: Subject) -> tuple[str, float]:
    """The shape that takes a driver longest for a megabyte, and its seconds."""
    pieces = shapes(subject)
    looked_at = {name: seconds(subject, filled(pieces[name], LOOK_BYTES)) for name in pieces}
    worst = sorted(looked_at, key=lambda name: -looked_at[name])[:WORST]
    whole = {name: filled(pieces[name], MEGABYTE) for name in worst}
    best = {name: min(seconds(subject, whole[name]) for _ in range(RUNS)) for name in worst}
    name = max(best, key=lambda name: best[name])
    return name, best[name]


def growth(subject: Subject, piece: bytes) -> float:
    """How many times as long twice as many bytes take: the least of some tries."""
    short, long = filled(piece, MEGABYTE), filled(piece, 2 * MEGABYTE)
    return min(seconds(subject, long) / seconds(subject, short) for _ in range(RUNS))


def importing(name: str) -> tuple[float, float]:
    """Milliseconds that importing a driver takes in a new process, and MB the process has then.

    The least of some tries: the first has to compile, and whatever else the machine does can only
    add to them.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    spent, held = [], []
    for _ in range(IMPORTS):
        command = [sys.executable, "-c", IMPORT.format(name=name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        ms, kb = done.stdout.split()
        spent.append(float(ms))
        held.append(int(kb) / 1024)
    return min(spent), min(held)


def _kept(name: str, limit: float, measured: float, per: float = 1.0) -> Ratio:
    """The limit as a ratio; `per` makes a rate of what was measured."""
    return Ratio(name, per / measured, per / limit, limit / measured, 1.0)


def run() -> list[Ratio]:
    """Rows per driver: a hostile megabyte (megabytes a second), growth, import, memory."""
    rows = []
    for subject in SUBJECTS:
        name, spent = slowest(subject)
        rows.append(_kept(f"{subject.name}: {name}", HOSTILE_S_MAX, spent))
        rows.append(
            _kept(
                f"{subject.name}: twice as much", GROWTH_MAX, growth(subject, shapes(subject)[name])
            )
        )
    for device in DEVICES:
        ms, mb = importing(device.name)
        rows.append(_kept(f"{device.name}: imports a second", IMPORT_MS_MAX, ms, 1000))
        rows.append(_kept(f"{device.name}: processes in a GB", IMPORT_MB_MAX, mb, 1024))
    return rows
