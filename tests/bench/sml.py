"""SML, bytes to readings over a stream in 64-byte chunks, against smllib 1.7.

Both read the same bytes, of one kind of meter after another, in which counters and powers change
from one file to the next. Of smllib once `parse_frame`, which reads all messages, and once
`get_obis`, which only looks for entries, and of these only for names that begin with 01. Neither
checks messages. Runs alternate, and the median of each turn's ratio counts: so a machine that is
busy for a while slows all sides.
"""

import random
import time
from collections.abc import Callable
from statistics import median

from smllib import SmlStreamReader

from drivers import sml
from drivers.reading import Message
from drivers.wire import crc, sml_list
from tests.bench import Ratio

FILES = 150  # a few minutes of a meter
RUNS = 21
CHUNK_BYTES = 64


def _octets(text: str) -> str:
    return f"{len(text) // 2 + 1:02x}{text}"


def _entry(name: str, scale: str, value: str, more: str = "0101") -> str:
    return f"7707{name}{more}{scale}{value}01"


def _number(field: str, number: int, width: int) -> str:
    return field + (number % 256**width).to_bytes(width, "big").hex()


def _few(server: str, second: int, chance: random.Random) -> tuple[str, int]:
    """Four entries, as of an ISKRA MT691: 208 bytes in all."""
    return (
        _entry("010060320101", "0101", "0449534b")
        + _entry("0100600100ff", "0101", _octets(server))
        + _entry("0100010800ff", "621e52ff", _number("65", 1_989_274 + second, 4), "65001c810401")
        + _entry("0100100700ff", "621b5200", _number("53", chance.randrange(-999, 999), 2))
    ), 4


def _times(server: str, second: int, chance: random.Random) -> tuple[str, int]:
    """Five entries, each with a time and most with a scale, as of a DZG DVS74: 248 bytes."""
    never = "0172620162006200"
    return (
        _entry("010060320101", "", "520004445a47", never)
        + _entry("0100600100ff", "", "5200" + _octets(server), never)
        + _entry("0100010800ff", "621e52ff", _number("64", 132_329 + second, 3), never[:-4])
        + _entry("0100020800ff", "621e52ff", _number("64", 15_003_213, 3), never[:-4])
        + _entry(
            "0100100700ff", "621b52fe", _number("53", chance.randrange(-9999, 9999), 2), never[:-4]
        )
    ), 5


def _key(server: str, second: int, chance: random.Random) -> tuple[str, int]:
    """Seven entries, one a public key, as of an EMH eHZ: 316 bytes."""
    energy = _number("56", 151_418_090 + second, 5)
    return (
        _entry("8181c78203ff", "0101", "04454d48")
        + _entry("0100000009ff", "0101", _octets(server))
        + _entry("0100010800ff", "621e52ff", energy, "63018201")
        + _entry("0100010801ff", "621e52ff", energy)
        + _entry("0100010802ff", "621e52ff", _number("56", 0, 5))
        + _entry("01000f0700ff", "621b52ff", _number("55", chance.randrange(99_999), 4))
        + _entry("8181c78205ff", "0101", "8302" + bytes(range(7, 55)).hex())
    ), 7


def _wide(server: str, second: int, chance: random.Random) -> tuple[str, int]:
    """Six entries, numbers of eight bytes and a status without unit, as of an Easymeter Q3D."""
    energy = _number("69", 13_401_100_000 + 77 * second, 8)
    return (
        _entry("8181c78203ff", "0101", "04455359")
        + _entry("0100010800ff", "621e52fc", energy)
        + _entry("0100010801ff", "621e5201", _number("65", 858_455 + second // 99, 4))
        + _entry("0100010802ff", "621e5201", _number("65", 136, 4))
        + _entry("0100010700ff", "621b52fe", _number("55", chance.randrange(999_999), 4))
        + _entry("0100600505ff", "0101", "630180")
    ), 6


def _phases(server: str, second: int, chance: random.Random) -> tuple[str, int]:
    """Fifteen entries, as of a Holley DTZ541 whose PIN was entered: 404 bytes."""
    parts = _few(server, second, chance)[0] + _entry(
        "0100020800ff", "621e52ff", _number("65", 3_149_260 + second // 9, 4)
    )
    for phase in (0, 1, 2):
        c = 20 * phase
        volts = _number("63", chance.randrange(2_250, 2_380), 2)
        amperes = _number("62", chance.randrange(250), 1)
        watts = _number("53", chance.randrange(-999, 999), 2)
        parts += _entry(f"0100{32 + c:02x}0700ff", "622352ff", volts)
        parts += _entry(f"0100{31 + c:02x}0700ff", "622152fe", amperes)
        parts += _entry(f"0100{36 + c:02x}0700ff", "621b5200", watts)
    return parts + _entry("01000e0700ff", "622c52ff", _number("63", 500, 2)), 15


def _message(body: str) -> bytes:
    counted = bytes.fromhex("7605005a0001" + "62006200" + body)
    return counted + b"\x63" + crc.x25(counted).to_bytes(2, "little") + b"\0"


KINDS = {
    "ISKRA": (_few, "0a0149534b0004325ec5"),
    "DZG": (_times, "0a01445a470003a20000"),
    "EMH": (_key, "06454d480100012345ab"),
    "Easymeter": (_wide, "06455359010400012345"),
    "Holley": (_phases, "0a01484c59020001e240"),
}


def file(kind: str, second: int, chance: random.Random) -> bytes:
    """One file of such a meter."""
    write, server = KINDS[kind]
    entries, number = write(server, second, chance)
    since = _number("65", second, 4)
    content = (
        _message(f"72630101760101{_octets('00682abb')}{_octets(server)}0101")
        + _message(
            f"726307017701{_octets(server)}070100620affff726201{since}7{number:x}{entries}0101"
        )
        + _message("726302017101")
    )
    fill = -len(content) % 4
    counted = b"\x1b\x1b\x1b\x1b\1\1\1\1" + content + bytes(fill) + b"\x1b\x1b\x1b\x1b\x1a"
    counted += bytes((fill,))
    return counted + crc.x25(counted).to_bytes(2, "little")


def _ours(x25: Callable[[bytes], int]) -> Callable[[list[bytes]], int]:
    def read(chunks: list[bytes]) -> int:
        session = sml.Session(sml_list.Ways(None, x25))
        told = 0
        for chunk in chunks:
            for step in session.feed(chunk):
                assert isinstance(step, Message)
                assert not step.faults
                told += len(step.readings)
        return told

    return read


def _parse_frame(chunks: list[bytes]) -> int:
    reader = SmlStreamReader()
    told = 0
    for chunk in chunks:
        reader.add(chunk)
        frame = reader.get_frame()
        if frame is not None:
            told += len(frame.parse_frame()[1].message_body.val_list)
    return told


def _get_obis(chunks: list[bytes]) -> int:
    reader = SmlStreamReader()
    told = 0
    for chunk in chunks:
        reader.add(chunk)
        frame = reader.get_frame()
        if frame is not None:
            told += len(frame.get_obis())
    return told


def run() -> list[Ratio]:
    """For each kind with the standard library alone, and with fastcrc where it is installed."""
    readers = {"standard library": _ours(crc.x25_stdlib)}
    if crc.x25 is not crc.x25_stdlib:
        readers["fastcrc"] = _ours(crc.x25)
    return [row for kind in KINDS for row in _rows(kind, readers)]


def _rows(kind: str, readers: dict[str, Callable[[list[bytes]], int]]) -> list[Ratio]:
    peers = {"parse_frame": (_parse_frame, 5.0), "get_obis": (_get_obis, 4.0)}
    seconds: dict[str, list[float]] = {name: [] for name in [*readers, *peers]}
    chance = random.Random(2026)
    write, server = KINDS[kind]
    parts, entries = write(server, 0, chance)
    for turn in range(RUNS):
        stream = b"".join(file(kind, turn * FILES + n, chance) for n in range(FILES))
        chunks = [stream[n : n + CHUNK_BYTES] for n in range(0, len(stream), CHUNK_BYTES)]
        for name, read in [*readers.items(), *((name, read) for name, (read, _) in peers.items())]:
            begun = time.process_time()
            told = read(chunks)
            seconds[name].append(time.process_time() - begun)
            assert told == FILES * (parts.count("770701") if name == "get_obis" else entries)
    return [
        Ratio(
            f"sml, {kind}, {ours}, over smllib {peer}",
            FILES / median(seconds[ours]),
            FILES / median(seconds[peer]),
            median(t / mine for t, mine in zip(seconds[peer], seconds[ours], strict=True)),
            goal,
        )
        for ours in readers
        for peer, (_, goal) in peers.items()
    ]
