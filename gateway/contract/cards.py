"""A card's number as it may leave the Pi: a keyed hash, one key per community.

A pseudonym, not anonymity: who has the key and guesses numbers can find the card again.
"""

import hmac
from pathlib import Path

from gateway.contract.errors import ConfigError, Problem
from gateway.contract.keys import kept

_AS_MEANT = str.maketrans("ILO", "110", "- ")


def _keyed(text: str, key: bytes) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]


def token(number: str, key: bytes) -> str:
    """32 hex digits that stand for the card with this number, as its reader gives it or as people
    copy it: small letters are capitals.
    """
    return _keyed(number.strip().upper(), key)


def plain(code: str) -> str:
    """A code as people may write it, without its dash and with the letters that were meant.

    Codes are of Crockford's base 32, which has no I, L and O: they are taken for what they look
    like.

    >>> plain("k7qm-3rxl")
    'K7QM3RX1'
    """
    return code.upper().translate(_AS_MEANT)


def claim(code: str, key: bytes) -> str:
    """What stands for a deposit of no known card: the code on its slip, as people may write it.

    Whoever brings the code is given it like a card, so that the deposit is theirs.
    """
    # In small letters, as no card's number is: a QR code that says the same is no claim.
    return _keyed(f"claim:{plain(code)}", key)


def load_key(path: Path) -> bytes:
    """The community's card key: 64 hex digits in a file. Raises ConfigError."""
    try:
        key = bytes.fromhex(kept(path).read_text("ascii"))
    except OSError as error:
        what = f"no card key: {error.strerror}"
        raise ConfigError(Problem(what, str(path), "copy card.key from the hub")) from error
    except ValueError as error:
        what = "no card key: it is not of 64 hex digits"
        raise ConfigError(Problem(what, str(path), "copy card.key from the hub")) from error
    if len(key) != 32:
        raise ConfigError(
            Problem(f"a card key of {len(key)} bytes, not 32", str(path), "copy card.key anew")
        )
    return key
