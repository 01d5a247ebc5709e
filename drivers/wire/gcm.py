"""Encrypted telegrams: general-glo-ciphering with AES-128-GCM, as meters push them.

Spec: IEC 62056-5-3 (Green Book, edition 10, 9.2.7), security suites 0 and 1. The frame is
`DB 08 title length control counter text [tag]`; the nonce is title and counter; the tag of 12 bytes
also covers the control byte and the authentication key.

Without the authentication key the tag cannot be checked: then the text is opened all the same and
is "unverified", so whoever reads it must rest on a check inside. (The key printed in Luxembourg's
specification does not fit the tags of its meters.)
"""

from collections.abc import Mapping
from typing import NamedTuple

from drivers.sdk import SettingError

START = 0xDB
TITLE_BYTES = 8
KEY_BYTES = 16
TAG_BYTES = 12
_WHOLE_TAG_BYTES = 16  # of which meters send the first
COUNTER_BYTES = 4
# Before the length: the start, the title's length and the title.
LENGTH_AT = 2 + TITLE_BYTES
# Security control: the two bits that say what was done, and the suite below them. Suites 0 and 1
# encrypt alike; Kaifa's meters in Austria name the latter.
ENCRYPTED, AUTHENTICATED = 0x20, 0x10
_SUITE_1 = 0x01
# What a session remembers; a line has one meter behind it, seldom two.
TITLES_MAX = 16


class Sealed(NamedTuple):
    """A frame taken apart, not opened. `tag` is b"" where the frame has none."""

    title: bytes
    control: int
    counter: int
    text: bytes
    tag: bytes


class Opened(NamedTuple):
    """The plain text, and whether the tag says that it is the meter's own."""

    text: bytes
    is_verified: bool


class Shut(NamedTuple):
    """Why a frame was not opened: a fault's kind ("cipher", "replay", "tag") and its detail."""

    kind: str
    detail: str


def length(data: bytes | bytearray, at: int = 0, *, bytes_max: int) -> int:
    """How many bytes the frame at `at` has: 0 when more must come to know, -1 for no frame.

    A frame longer than `bytes_max` is none.

    >>> length(bytes.fromhex("db08" "4b464d6750000009" "820123"), bytes_max=1024)
    304
    """
    there = len(data) - at
    head = bytes((START, TITLE_BYTES))
    if data[at : at + 2] != head[: min(there, 2)]:
        return -1
    sized = _size(data, at + LENGTH_AT)
    if sized is None:
        return 0
    width, size = sized
    whole = LENGTH_AT + width + size
    return whole if size > 1 + COUNTER_BYTES and whole <= bytes_max else -1


def _size(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """A BER length: its own width and what it says; a size of 0 for a form that is not used."""
    if at >= len(data):
        return None
    first = data[at]
    if first < 0x80:
        return 1, first
    width = first & 0x7F
    if width not in {1, 2}:
        return 1, 0
    if at + 1 + width > len(data):
        return None
    return 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big")


def take_apart(frame: bytes) -> Sealed | Shut:
    """The parts of a whole frame, as `length` measured it."""
    sized = _size(frame, LENGTH_AT)
    assert sized, "a whole frame"
    at = LENGTH_AT + sized[0]
    control = frame[at]
    if control & ~_SUITE_1 not in {ENCRYPTED, ENCRYPTED | AUTHENTICATED}:
        return Shut("cipher", f"security control {control:02X}, known are 20, 21, 30 and 31")
    begin = at + 1 + COUNTER_BYTES
    end = len(frame) - TAG_BYTES if control & AUTHENTICATED else len(frame)
    if end <= begin:
        return Shut("cipher", f"{len(frame)} bytes hold no text")
    counter = int.from_bytes(frame[at + 1 : begin], "big")
    return Sealed(frame[2:LENGTH_AT], control, counter, frame[begin:end], frame[end:])


class Lock:
    """The keys of one meter, and the highest counter that was accepted from each title."""

    def __init__(self, key: bytes, auth_key: bytes = b"") -> None:
        """Both keys have `KEY_BYTES`; without `auth_key` nothing can be verified.

        Raises ImportError where the package cryptography is missing.
        """
        # Lazy: only a meter that encrypts pays for it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.constant_time import bytes_eq  # noqa: PLC0415

        assert len(key) == KEY_BYTES
        assert len(auth_key) in {0, KEY_BYTES}
        self._encrypt, self._is_equal = AESGCM(key).encrypt, bytes_eq
        self._auth_key = auth_key
        self._highest: dict[bytes, int] = {}

    def open(self, sealed: Sealed) -> Opened | Shut:
        """The text of a frame whose counter is new. Nothing is remembered before `accept`."""
        highest = self._highest.get(sealed.title, -1)
        if sealed.counter <= highest:
            return Shut("replay", f"counter {sealed.counter} after {highest}")
        nonce = sealed.title + sealed.counter.to_bytes(COUNTER_BYTES, "big")
        # GCM adds the same bytes to a text whichever way, so to encrypt is to open; and to encrypt
        # what was opened gives the tag that belongs to it. The class that opens takes no tag of 12
        # bytes, and the ones that do take four times as long.
        text = self._encrypt(nonce, sealed.text, None)[:-_WHOLE_TAG_BYTES]
        if not sealed.tag or not self._auth_key:
            return Opened(text, is_verified=False)
        covered = bytes((sealed.control,)) + self._auth_key
        begin = len(text)
        tag = self._encrypt(nonce, text, covered)[begin : begin + TAG_BYTES]
        if not self._is_equal(tag, sealed.tag):
            return Shut("tag", "the tag does not fit: another key, or not what the meter sent")
        return Opened(text, is_verified=True)

    def accept(self, sealed: Sealed) -> None:
        """What was inside is believed: from now on an older or equal counter is a replay."""
        if sealed.title not in self._highest and len(self._highest) >= TITLES_MAX:
            del self._highest[next(iter(self._highest))]
        self._highest[sealed.title] = sealed.counter


def key_of(text: str) -> bytes | None:
    """The key written as 32 hex digits, blanks, colons and dashes between them as one likes."""
    digits = "".join(text.split()).replace(":", "").replace("-", "")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def keys_of(settings: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The settings `key` and `auth_key`; b"" for one that is left out.

    Raises SettingError, which never tells the key: what is wrong may stand in a log.
    """
    keys = []
    for name in ("key", "auth_key"):
        written = settings.get(name, "").strip()
        key = key_of(written) if written else b""
        if key is None:
            what = f"{len(written)} characters that are no key"
            raise SettingError(name, what, "32 hex digits, as the grid operator gives them")
        keys.append(key)
    return keys[0], keys[1]
