"""A scale that is asked for its weight, again and again, and told to set itself to zero or tare."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.reading import Reading
from drivers.sdk import Rest, Send, Step, Wait
from drivers.wire import sevenbits
from drivers.wire.noise import Noise
from drivers.wire.said import KNOWN_MAX, WRONG_PARITY, Said, message

_BLANK = b"\0\r\n "


def weighed(register: str, value: int, doubt: str = "unchecked") -> Reading:
    """A weight in milligrams; none of these protocols has a checksum."""
    return Reading(register, value, "mg", None, "", None, doubt)


class How(NamedTuple):
    """How one family is asked and understood.

    `answer` matches a whole answer in characters of seven bits, and `begun`, which ends in \\Z,
    what may yet become one; neither is longer than `longest` bytes. A group `status` of `answer`
    may have even parity where the other characters have none. Both may look back at one byte;
    where nothing came before it is a line feed. `read` gives what an answer says.

    `parities` are the ways to send a question, tried in turn until there is an answer. A scale
    that may speak by itself is heard for `listen_s` before it is asked.
    """

    ask: bytes
    commands: Mapping[str, bytes]
    answer: re.Pattern[bytes]
    begun: re.Pattern[bytes]
    longest: int
    read: Callable[[re.Match[bytes]], Said]
    interval_s: float
    timeout_s: float = 1.0
    parities: tuple[bytes, ...] = (sevenbits.EVEN, sevenbits.PLAIN)
    listen_s: float = 0.0


class Session:
    """One question is under way at any time; a command waits for its answer."""

    def __init__(self, how: How) -> None:
        self._how = how
        self._buffer = bytearray(b"\n")  # the byte before, and what may yet become an answer
        self._offset = -1  # of the buffer's first byte in the stream
        self._noise = Noise()
        self._noisy = False  # whether what came since the last answer was more than blanks
        self._parity = how.parities[0]
        self._asked = False
        self._opened = False
        self._due: list[bytes] = []  # commands, none of them twice
        self._known: dict[bytes, tuple[bytes, Said]] = {}

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        seven = buffer.translate(sevenbits.PLAIN)
        steps: list[Step] = []
        start = 1
        answered = False
        for answer in self._how.answer.finditer(seven, start):
            at, end = answer.span()
            if at > start or self._noisy:
                steps += self._end_of_gap(seven, start, at)
            raw = bytes(buffer[at:end])
            parity, said = self._known.get(raw) or self._understood(answer, raw)
            if parity in self._how.parities:
                self._parity = parity
            steps.append(message(self._offset + at, raw, said))
            start = end
            answered = True
        begun = self._how.begun.search(seven, max(start, len(seven) - self._how.longest))
        stop = begun.start() if begun else len(seven)
        if stop > start:
            steps += self._gap(seven, start, stop)
        del buffer[: stop - 1]
        self._offset += stop - 1
        return steps + self._go_on() if answered else steps

    def timeout(self) -> list[Step]:
        """The pause is over, or the scale was silent: ask (again)."""
        seven = self._buffer.translate(sevenbits.PLAIN)
        steps = self._end_of_gap(seven, 1, len(seven))
        self._offset += len(self._buffer) - 1
        if not self._opened:
            self._opened = True
            if self._how.listen_s:
                # It may be in the middle of a line.
                self._buffer[:] = b"\0"
                return [*steps, Rest(self._how.listen_s)]
        self._buffer[:] = b"\n"
        if self._asked:
            self._asked = False
            parities = self._how.parities
            self._parity = parities[(parities.index(self._parity) + 1) % len(parities)]
            return [*steps, Rest(self._how.interval_s)]
        if self._due:
            return steps + self._tell()
        self._asked = True
        return [*steps, self._send(self._how.ask), Wait(self._how.timeout_s)]

    def command(self, word: str) -> list[Step]:
        """At once, or after the answer that is due."""
        told = self._how.commands.get(word)
        if told and told not in self._due:
            self._due.append(told)
        return self._tell() if self._due and not self._asked else []

    def _tell(self) -> list[Step]:
        """A command, and a pause: not every scale answers to it."""
        return [self._send(self._due.pop(0)), Wait(self._how.interval_s)]

    def _go_on(self) -> list[Step]:
        """What follows an answer, or what the scale said by itself."""
        if self._asked:
            self._asked = False
            return self._tell() if self._due else [Rest(self._how.interval_s)]
        return [Rest(self._how.listen_s)] if self._how.listen_s else []

    def _send(self, data: bytes) -> Send:
        return Send(data.translate(self._parity))

    def _gap(self, seven: bytearray, start: int, stop: int) -> list[Step]:
        """Bytes that are no answer: noise, blank ones only after others."""
        if not self._noisy:
            start = stop - len(seven[start:stop].lstrip(_BLANK))
        if stop <= start:
            return []
        self._noisy = True
        return self._noise.skip(self._offset + start, stop - start)

    def _end_of_gap(self, seven: bytearray, start: int, stop: int) -> list[Step]:
        if not self._noisy:
            start = stop - len(seven[start:stop].lstrip(_BLANK))
        self._noisy = False
        return self._noise.end(self._offset + start, stop - start)

    def _understood(self, answer: re.Match[bytes], raw: bytes) -> tuple[bytes, Said]:
        """The parity of an answer, and what it says."""
        parity = sevenbits.parity(raw)
        if not parity and "status" in answer.re.groupindex:
            at, end = (place - answer.start() for place in answer.span("status"))
            status = raw[at:end]
            if status == status.translate(sevenbits.EVEN):
                parity = sevenbits.parity(raw[:at] + raw[end:])
        said = self._how.read(answer) if parity else WRONG_PARITY
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[raw] = parity, said
        return parity, said
