"""A PN532 on its serial line, and cards that come to it and go.

Spec: NXP, PN532 User Manual UM0701-02, §6.2 (frames; an acknowledgement from the host aborts),
§6.3.2 (the chip sleeps after power-up until the line wakes it), §7.2.10 (normal mode first),
§7.3.1 (without a limit of retries a search lasts until there is a card), §7.3.5; ISO/IEC 14443-3.
"""

from random import Random

from firmware_sim.device import Shown, Simulated, Simulator, Source

ACK = bytes.fromhex("0000ff00ff00")
UNKNOWN = bytes.fromhex("0000ff01ff7f8100")
BEGIN = b"\x00\x00\xff"
HEARD_MAX = 300  # bytes, the longest frame and what may stand before it
ANSWER_MS, SEARCH_MS = 4, 30
ALWAYS = 0xFF  # as number of retries
DIP_MS = 7_000

# Answers to the first card of a list: SENS_RES, SEL_RES, and what follows the number.
KINDS = {
    4: (bytes.fromhex("0004"), 0x08, b""),
    7: (bytes.fromhex("0044"), 0x00, b""),
    10: (bytes.fromhex("0084"), 0x00, b""),
}
DESFIRE = (bytes.fromhex("0344"), 0x20, bytes.fromhex("067577810280"))


def framed(said: bytes) -> bytes:
    """A frame of the chip to the host.

    >>> framed(b"\\x15").hex(" ")
    '00 00 ff 02 fe d5 15 16 00'
    """
    held = b"\xd5" + said
    sums = 256 - len(held), (256 - sum(held) % 256) % 256
    return BEGIN + bytes([len(held), sums[0]]) + held + bytes([sums[1], 0])


class Chip:
    """What stands between the host's line and the antenna. `dips`: its power fails now and then."""

    def __init__(self, source: Source, *, is_desfire: bool, dips: bool, now_ms: int) -> None:
        self._source = source
        self._is_desfire = is_desfire
        self._dips = dips
        self._dip_ms = now_ms + DIP_MS
        self._said: Shown = {}
        self._power_up()

    def _power_up(self) -> None:
        self._is_awake = self._is_normal = False
        self._retries = ALWAYS
        self._heard = b""
        self._answers: list[tuple[int, bytes]] = []
        self._search_ms: int | None = None  # since when it searches

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        if not self._is_awake:
            _, wake, data = data.partition(b"\x55")
            self._is_awake = bool(wake)
        said = b""
        self._heard += data
        while (at := self._heard.find(BEGIN)) >= 0:
            self._heard = self._heard[at:]
            if self._heard.startswith(ACK):
                self._heard = self._heard[len(ACK) :]
                self._answers, self._search_ms = [], None
                continue
            if len(self._heard) < 5 or len(self._heard) < self._heard[3] + 7:
                break
            length, sum_of_length = self._heard[3:5]
            held, rest = self._heard[5 : 6 + length], self._heard[7 + length :]
            if (length + sum_of_length) % 256 or sum(held) % 256 or held[0] != 0xD4:
                self._heard = self._heard[1:]
                continue
            self._heard = rest
            said += self._obey(held[1:-1], now_ms)
        self._heard = self._heard[-HEARD_MAX:]
        return said

    def _obey(self, command: bytes, now_ms: int) -> bytes:
        self._answers, self._search_ms = [], None
        match command[0]:
            case 0x14:
                self._is_normal = command[1] == 1
            case _ if not self._is_normal:
                return b""  # as long as it runs on a low battery it knows nothing else
            case 0x32:
                if command[1] == 5:
                    self._retries = command[4]
            case 0x4A:
                self._search_ms = now_ms
                return ACK
            case _:
                return UNKNOWN
        done = bytes([command[0] + 1])
        self._answers.append((now_ms + ANSWER_MS, framed(done)))
        return ACK

    def ticks(self, now_ms: int) -> bytes:
        if self._dips and now_ms >= self._dip_ms:
            self._dip_ms += DIP_MS
            self._power_up()
        if self._search_ms is not None and now_ms - self._search_ms >= SEARCH_MS:
            return self._found(str(self._source(now_ms)["card"]))
        due = [answer for at_ms, answer in self._answers if at_ms <= now_ms]
        self._answers = [one for one in self._answers if one[0] > now_ms]
        return b"".join(due)

    def _found(self, card: str) -> bytes:
        if not card and self._retries == ALWAYS:
            return b""
        self._search_ms = None
        if not card:
            return framed(b"\x4b\x00")
        number = bytes.fromhex(card)
        answer, select, more = DESFIRE if self._is_desfire else KINDS[len(number)]
        self._said = {"card": card}
        listed = b"\x01\x01" + answer + bytes([select, len(number)]) + number + more
        return framed(b"\x4b" + listed)

    def truth(self) -> Shown:
        return self._said


def _number(seed: int, card: int) -> str:
    draw = Random(f"{seed}/{card}")  # noqa: S311 - a play, no secret
    length = draw.choice((4, 7, 7, 10))
    # Not 08, which a card of four bytes draws anew; 04 is the maker's number of NXP.
    return "04" + draw.randbytes(length - 1).hex().upper()


def _cards(seed: int) -> Source:
    """A card is held for 0.8 s of every five."""

    def shown(at_ms: int) -> Shown:
        card, within_ms = divmod(at_ms, 5_000)
        return {"card": _number(seed, card) if within_ms >= 4_200 else ""}

    return shown


def _begin(variant: str, source: Source, seed: int, at_ms: int) -> Simulated:
    del seed  # nothing is left to chance
    is_desfire = variant == "DESFire cards"
    held = _long_numbers(source) if is_desfire else source
    return Chip(held, is_desfire=is_desfire, dips=variant == "power dips", now_ms=at_ms)


def _long_numbers(source: Source) -> Source:
    """The same cards, all of seven bytes."""

    def shown(at_ms: int) -> Shown:
        card = str(source(at_ms)["card"])
        return {"card": card and f"{card:0<14}"[:14]}

    return shown


SIMULATOR = Simulator(
    variants={"mixed cards": {}, "DESFire cards": {}, "power dips": {}},
    begin=_begin,
    source=_cards,
)
