"""DLMS/COSEM as meters write it: values, notifications, what they are sealed with and sent in.

Spec: IEC 61334-6 and IEC 62056-6-2 (values), IEC 62056-5-3:2017, §7.3.13 (data notification),
§9.3.5 (general block transfer), §5.3.7 (general ciphering, suite 0); IEC 62056-46 (HDLC);
EN 13757-1 (M-Bus).
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drivers.wire import crc

ZONE = ZoneInfo("Europe/Oslo")
KEY = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
AUTH_KEY = bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
TAG_BYTES = 12
LLC = b"\xe6\xe7\x00"


def octets(data: bytes) -> bytes:
    return bytes((9, len(data))) + data


def text(written: str) -> bytes:
    return bytes((10, len(written))) + written.encode("ascii")


def structure(*items: bytes) -> bytes:
    return bytes((2, len(items))) + b"".join(items)


def array(*items: bytes) -> bytes:
    return bytes((1, len(items))) + b"".join(items)


def unsigned(number: int, width: int) -> bytes:
    return bytes(({1: 17, 2: 18, 4: 6}[width],)) + number.to_bytes(width, "big")


def code(register: str) -> bytes:
    """An OBIS code as octets; the last group is 255."""
    groups = register.replace("-", ".").replace(":", ".").split(".")
    return octets(bytes(int(group) for group in groups) + b"\xff")


def moment(at_ms: int, deviation: int | None, status: int) -> bytes:
    """What a clock shows at this UTC: with a deviation that zone's time, else local time."""
    utc = datetime.fromtimestamp(at_ms / 1000, ZoneInfo("UTC"))
    local = utc.astimezone(ZONE) if deviation is None else utc - timedelta(minutes=deviation)
    return (
        local.year.to_bytes(2, "big")
        + bytes((local.month, local.day, local.isoweekday()))
        + bytes((local.hour, local.minute, local.second, 0xFF))
        + (-0x8000 if deviation is None else deviation).to_bytes(2, "big", signed=True)
        + bytes((status,))
    )


def shows(clock: bytes) -> str:
    """A moment as the driver tells it."""
    year, (month, day, _, hour, minute, second) = int.from_bytes(clock[:2], "big"), clock[2:8]
    return f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def notification(number: int, sent: bytes, body: bytes) -> bytes:
    """`sent` is a moment, or nothing."""
    return b"\x0f" + number.to_bytes(4, "big") + bytes((len(sent),)) + sent + body


def hdlc(
    information: bytes, *, to: bytes, of: bytes, control: int = 0x13, goes_on: bool = False
) -> bytes:
    """A frame between two flags. `goes_on`: another segment follows."""
    size = 2 + len(to) + len(of) + 1 + 2 + len(information) + 2
    head = (0xA000 | 0x0800 * goes_on | size).to_bytes(2, "big") + to + of + bytes((control,))
    head += crc.x25(head).to_bytes(2, "little")
    body = head + information
    return b"\x7e" + body + crc.x25(body).to_bytes(2, "little") + b"\x7e"


def in_one(apdu: bytes, *, to: bytes, of: bytes, control: int = 0x13) -> bytes:
    return hdlc(LLC + apdu, to=to, of=of, control=control)


def in_segments(apdu: bytes) -> bytes:
    """Iskra: information of 153 bytes at most in a frame."""
    information = LLC + apdu
    parts = [information[at : at + 153] for at in range(0, len(information), 153)]
    frames = [hdlc(one, to=b"\xcf", of=b"\x02\x23", control=3, goes_on=True) for one in parts[:-1]]
    return b"".join(frames) + hdlc(parts[-1], to=b"\xcf", of=b"\x02\x23")


def in_blocks(apdu: bytes) -> bytes:
    """Landis+Gyr: blocks of 112 bytes, each in a frame of its own."""
    parts = [apdu[at : at + 112] for at in range(0, len(apdu), 112)]
    frames = []
    for ordinal, part in enumerate(parts, 1):
        control = 0xC0 if ordinal == len(parts) else 0x40
        block = (
            bytes((0xE0, control)) + ordinal.to_bytes(2, "big") + bytes((0, 0, len(part))) + part
        )
        frames.append(hdlc(LLC * (ordinal == 1) + block, to=b"\xce\xff", of=b"\x03"))
    return b"".join(frames)


def in_mbus(apdu: bytes) -> bytes:
    """Austria: segments of 245 bytes, numbered in CI, the last one marked."""
    parts = [apdu[at : at + 245] for at in range(0, len(apdu), 245)]
    frames = []
    for ordinal, part in enumerate(parts):
        ci = ordinal | 0x10 * (ordinal == len(parts) - 1)
        content = bytes((0x53, 0xFF, ci, 0x01, 0x67)) + part
        head = bytes((0x68, len(content), len(content), 0x68))
        frames.append(head + content + bytes((sum(content) % 256, 0x16)))
    return b"".join(frames)


def sealed(apdu: bytes, *, title: bytes, counter: int, tagged: bool) -> bytes:
    """Encrypted, and with a tag that the authentication key covers as well."""
    control = b"\x30" if tagged else b"\x20"
    count = counter.to_bytes(4, "big")
    covered = control + AUTH_KEY if tagged else b""
    cipher = AESGCM(KEY).encrypt(title + count, apdu, covered)
    cut = 16 - TAG_BYTES if tagged else 16  # the tag that the library makes has 16 bytes
    content = control + count + cipher[: len(cipher) - cut]
    size = len(content)
    length = bytes((size,)) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return b"\xdb\x08" + title + length + content
