"""The operator's PIN: kept as a salted scrypt hash, and not to be tried for ever."""

import hashlib
import hmac
import os
import re
from collections.abc import Callable
from pathlib import Path

from gateway.contract.errors import ConfigError, PeopleError, Problem

DIGITS_MIN, DIGITS_MAX = 4, 12
# 16 MiB and a tenth of a second of a Pi: slow for whoever carries the file off.
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
SALT_BYTES = 16
WRONG_MAX = 5
WAIT_MS = 60_000

_FILE = re.compile(r"scrypt ([0-9a-f]{32}) ([0-9a-f]{128})\s*")


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, **SCRYPT)


def is_pin(text: str) -> bool:
    return text.isascii() and text.isdecimal() and DIGITS_MIN <= len(text) <= DIGITS_MAX


def write(path: Path, pin: str) -> None:
    """Keep the hash of a PIN at `path`, mode 0600; one that was there before is replaced."""
    assert is_pin(pin)
    salt = os.urandom(SALT_BYTES)
    trial = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    trial.unlink(missing_ok=True)
    descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"scrypt {salt.hex()} {_hash(pin, salt).hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    trial.replace(path)


class Door:
    """Lets in who knows the PIN; after `WRONG_MAX` wrong ones nobody for a minute."""

    def __init__(self, path: Path, *, real_ms: Callable[[], int]) -> None:
        """Raises ConfigError where there is no PIN in the file."""
        try:
            match = _FILE.fullmatch(path.read_text("ascii"))
        except (OSError, UnicodeDecodeError):
            match = None
        if match is None:
            what, try_ = "no PIN is kept in this file", f"meterkast kiosk pin {path}"
            raise ConfigError(Problem(what, str(path), try_))
        self._salt, self._expected = bytes.fromhex(match[1]), bytes.fromhex(match[2])
        self._real_ms = real_ms
        self._wrong = 0
        self._shut_until_ms = 0

    def knock(self, pin: str) -> bool:
        """Whether this is the PIN. Raises PeopleError, without looking, while it is shut."""
        left_ms = self._shut_until_ms - self._real_ms()
        if left_ms > 0:
            what = f"{WRONG_MAX} wrong PINs in a row"
            raise PeopleError(Problem(what, "PIN", f"wait {-(-left_ms // 1000)} seconds"))
        if is_pin(pin) and hmac.compare_digest(_hash(pin, self._salt), self._expected):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= WRONG_MAX:
            self._wrong = 0
            self._shut_until_ms = self._real_ms() + WAIT_MS
        return False
