"""P1, bytes to readings over a stream in 64-byte chunks, against dsmr-parser 1.11.2.

Both read the same telegrams of DSMR 5 shape, in which the clock, a counter, powers, voltages and
currents change from one to the next as in a house. Runs alternate, and the median of each turn's
ratio counts: so a machine that is busy for a while slows both sides.
"""

import random
import time
from collections.abc import Callable
from statistics import median

from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.parsers import TelegramParser

from drivers import p1
from drivers.wire import crc, iec62056
from tests.bench import Ratio

TELEGRAMS = 60
RUNS = 41
CHUNK_BYTES = 64


def telegram(second: int, chance: random.Random) -> bytes:
    """One telegram of a house with three phases and two M-Bus meters, about 890 bytes."""
    watt = [chance.randrange(40, 900) for _ in range(3)]
    lines = [
        "/MKT5\\BENCH-1000",
        "",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0(26070112{second // 60 % 60:02}{second % 60:02}S)",
        "0-0:96.1.1(4D4B303030303030303030303030303031)",
        f"1-0:1.8.1({4000 + second // 4:010.3f}*kWh)",
        "1-0:1.8.2(002399.117*kWh)",
        "1-0:2.8.1(000244.400*kWh)",
        "1-0:2.8.2(000911.023*kWh)",
        "0-0:96.14.0(0002)",
        f"1-0:1.7.0({sum(watt) / 1000:06.3f}*kW)",
        "1-0:2.7.0(00.000*kW)",
        "0-0:96.7.21(00013)",
        "0-0:96.7.9(00002)",
        "1-0:99.97.0(1)(0-0:96.7.19)(250326095015W)(0000002014*s)",
        *(f"1-0:{phase}2.32.0(00000)" for phase in (3, 5, 7)),
        *(f"1-0:{phase}2.36.0(00001)" for phase in (3, 5, 7)),
        "0-0:96.13.0()",
        *(f"1-0:{phase}2.7.0({chance.randrange(2280, 2340) / 10:05.1f}*V)" for phase in (3, 5, 7)),
        *(f"1-0:{phase}1.7.0({chance.randrange(1, 4):03}*A)" for phase in (3, 5, 7)),
        *(f"1-0:{p}1.7.0({w / 1000:06.3f}*kW)" for p, w in zip((2, 4, 6), watt, strict=True)),
        *(f"1-0:{phase}2.7.0(00.000*kW)" for phase in (2, 4, 6)),
        "0-1:24.1.0(003)",
        "0-1:96.1.0(47303030303030303030303030303031)",
        f"0-1:24.2.1(26070112{second // 300 * 5 % 60:02}00S)(00321.107*m3)",
        "0-2:24.1.0(007)",
        "0-2:96.1.0(57303030303030303030303030303032)",
        f"0-2:24.2.1(26070112{second // 300 * 5 % 60:02}00S)(00017.420*m3)",
        "!",
    ]
    body = "\r\n".join(lines).encode("ascii")
    return body + f"{crc.arc(body):04X}\r\n".encode("ascii")


def _ours(arc: Callable[[bytes], int]) -> Callable[[list[bytes]], int]:
    def read(chunks: list[bytes]) -> int:
        iec62056._line.cache_clear()  # nothing is remembered but what this run says itself
        session = p1.Session(arc)
        return sum(len(session.feed(chunk)) for chunk in chunks)

    return read


def _peer(chunks: list[bytes]) -> int:
    buffer = TelegramBuffer()
    parser = TelegramParser(telegram_specifications.V5)
    count = 0
    for chunk in chunks:
        buffer.append(chunk.decode("ascii"))
        for text in buffer.get_all():
            parser.parse(text)
            count += 1
    return count


def run() -> list[Ratio]:
    """P1 with the standard library alone, and with fastcrc where it is installed."""
    readers = {"peer": _peer, "standard library": _ours(crc.arc_stdlib)}
    if crc.arc is not crc.arc_stdlib:
        readers["fastcrc"] = _ours(crc.arc)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    chance = random.Random(2026)
    for turn in range(RUNS):
        first = turn * TELEGRAMS
        stream = b"".join(telegram(first + n, chance) for n in range(TELEGRAMS))
        chunks = [stream[n : n + CHUNK_BYTES] for n in range(0, len(stream), CHUNK_BYTES)]
        for name, read in readers.items():
            begun = time.perf_counter()
            count = read(chunks)
            seconds[name].append(time.perf_counter() - begun)
            assert count == TELEGRAMS
    peer = seconds.pop("peer")
    goals = {"standard library": 8.0, "fastcrc": 12.0}
    return [
        Ratio(
            f"p1, {name}, over dsmr-parser",
            TELEGRAMS / median(ours),
            TELEGRAMS / median(peer),
            median(theirs / mine for theirs, mine in zip(peer, ours, strict=True)),
            goals[name],
        )
        for name, ours in seconds.items()
    ]
