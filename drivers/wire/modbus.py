"""Frames of Modbus, RTU and TCP: finding them in a stream, taking them apart, and asking.

Spec: MODBUS Application Protocol 1.1b3, §6.3 and §6.4 (functions 03 and 04), §7 (exceptions);
MODBUS over Serial Line 1.02, §2.5.1 (RTU); MODBUS Messaging on TCP/IP 1.0b, §3.1.3 (header).

RTU is `address function … crc`, the low byte of the check first; TCP is `transaction 00 00 length
address function …` and has no check of its own. An answer says neither which registers it holds
nor, to who has not heard the question, where it ends: so only what follows its question is one.
"""

import re
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from drivers.wire import crc

HOLDING, INPUT = 3, 4  # the functions that read
REGISTERS_MAX = 125  # of one question
FRAME_BYTES_MAX = 260
# An answer begins within so many bytes of its question; a converter may put noise between.
WITHIN_BYTES = 512

# §7 of the application protocol, and what a person can make of it.
EXCEPTIONS = {
    1: "it has no such function",
    2: "it has no such registers",
    3: "it refuses so many registers",
    4: "it has failed",
    5: "it needs more time",
    6: "it is busy",
    8: "its memory is damaged",
    10: "the gateway has no path to it",
    11: "the gateway hears nothing of it",
}
# After these the same question may be answered a little later.
PASSING = {5, 6, 11}

NOTHING, QUESTION, ANSWER, REFUSAL, DAMAGED = range(5)
_REFUSED = 0x80  # added to the function
_REFUSALS = {function: bytes((function | _REFUSED,)) for function in (HOLDING, INPUT)}
_QUESTION = Struct(">BBHH").unpack_from  # address, function, start, size
_TWICE = tuple(bytes((2 * size,)) for size in range(REGISTERS_MAX + 1))

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Question(NamedTuple):
    """So many registers from `start` on, counted from 0. `transaction` is of TCP, 0 in RTU."""

    address: int
    function: int
    start: int
    size: int
    transaction: int = 0


class Heads(NamedTuple):
    """A question, how the answer to it begins, how its refusal does, and what they are long."""

    question: Question
    answer: bytes
    answer_bytes: int
    refusal: bytes
    refusal_bytes: int


class Framing(NamedTuple):
    """RTU or TCP. `shape` finds all that has the form of a question, as its only group.

    `heads` makes of a question's frame how it is answered; `registers` are those of an answer,
    and `code` is the place of a refusal's exception.
    """

    checks: bool
    question_bytes: int
    shape: re.Pattern[bytes]
    write: Callable[[Question], bytes]
    heads: Callable[[bytes], Heads]
    registers: slice
    code: int


class Found(NamedTuple):
    """A frame: which of NOTHING to DAMAGED, where, and its bytes."""

    kind: int
    at: int
    frame: bytes = b""


def find(
    framing: Framing, data: bytes, start: int, heads: Heads | None, *, until: int, final: bool
) -> Found:
    """The first frame at `start` or after: a question, or what has one of these heads.

    An answer is looked for before `until`. With NOTHING all before the place is noise, and what
    stands there may become a frame; with `final` nothing more will come. DAMAGED is an answer
    whose check is wrong, as far as no question stands within it.
    """
    end = len(data)
    if heads is not None and start < until:
        is_here = data.startswith(heads.answer, start)  # as nearly always
        found = _answer_here(framing, data, start, heads, final=final) if is_here else None
        if found is None and (final or not is_here):
            found = _answer(framing, data, start, heads, until=until, final=final)
        if found is not None:
            return found
    question = _question(framing, data, start)
    if question < end:
        return _new(Found, (QUESTION, question, data[question : question + framing.question_bytes]))
    return _new(
        Found, (NOTHING, end if final else max(start, end - framing.question_bytes + 1), b"")
    )


def _answer_here(
    framing: Framing, data: bytes, at: int, heads: Heads, *, final: bool
) -> Found | None:
    """What begins as an answer at once; None where it is a question, or too short in the end.

    Whatever has the fewest bytes is looked at first, and only once they are there: so it does not
    matter in which pieces they came.
    """
    length, least, there = heads.answer_bytes, framing.question_bytes, len(data) - at
    asks = there >= least and is_question(framing, data, at)
    if asks and least <= length:
        return None
    if there >= length:
        frame = data[at : at + length]
        if not (framing.checks and crc.modbus(frame)):
            return _new(Found, (ANSWER, at, frame))
        if asks:
            return None
        if final or there >= least:
            return _new(Found, (DAMAGED, at, until_question(frame)))
    return None if final else Found(NOTHING, at)


def _answer(
    framing: Framing, data: bytes, start: int, heads: Heads, *, until: int, final: bool
) -> Found | None:
    """What begins as an answer or a refusal before the next question; None where nothing does."""
    question = -1
    at = start
    while True:
        at, length = _head(data, heads, at, min(until, len(data)))
        if not length:
            return None
        if question < 0:
            question = _question(framing, data, start)
        if at > question:
            return None
        here = _refusal_here if length == heads.refusal_bytes else _answer_here
        found = here(framing, data, at, heads, final=final)
        if found is not None or at == question:
            return found
        at += 1


def _refusal_here(
    framing: Framing, data: bytes, at: int, heads: Heads, *, final: bool
) -> Found | None:
    """What begins as a refusal: no question begins like that."""
    frame = data[at : at + heads.refusal_bytes]
    if len(frame) < heads.refusal_bytes:
        return None if final else Found(NOTHING, at)
    is_wrong = framing.checks and crc.modbus(frame)
    return _new(Found, (DAMAGED, at, until_question(frame)) if is_wrong else (REFUSAL, at, frame))


def is_question(framing: Framing, data: bytes, at: int) -> bool:
    """Whether a question with a right check stands here."""
    match = framing.shape.match(data, at)
    return match is not None and not (framing.checks and crc.modbus(match[1]))


def _question(framing: Framing, data: bytes, start: int) -> int:
    """Where the first question with a right check stands, or the end."""
    match = framing.shape.search(data, start)
    if match is None:
        return len(data)
    if not (framing.checks and crc.modbus(match[1])):
        return match.start()
    for other in framing.shape.finditer(data, match.start() + 1):
        if not crc.modbus(other[1]):
            return other.start()
    return len(data)


def _head(data: bytes, heads: Heads, start: int, stop: int) -> tuple[int, int]:
    """Where an answer or a refusal begins, and its length; 0 where none does before `stop`."""
    answer = data.find(heads.answer, start, stop + len(heads.answer) - 1)
    if answer == start:
        return answer, heads.answer_bytes
    refusal = data.find(heads.refusal, start, stop + len(heads.refusal) - 1)
    if refusal >= 0 and (answer < 0 or refusal < answer):
        return refusal, heads.refusal_bytes
    return (answer, heads.answer_bytes) if answer >= 0 else (stop, 0)


def until_question(frame: bytes) -> bytes:
    """As much of a damaged answer as is surely no question, whole or begun at its end."""
    begun = _RTU_BEGUN.search(frame, 1)
    return frame[: begun.start()] if begun else frame


def _rtu_write(question: Question) -> bytes:
    address, function, start, size, _ = question
    told = bytes((address, function)) + start.to_bytes(2, "big") + size.to_bytes(2, "big")
    return told + crc.modbus(told).to_bytes(2, "little")


def _rtu_heads(frame: bytes) -> Heads:
    address, function, start, size = _QUESTION(frame)
    question = _new(Question, (address, function, start, size, 0))
    answer = frame[:2] + _TWICE[size]
    return _new(Heads, (question, answer, 5 + 2 * size, frame[:1] + _REFUSALS[function], 5))


def _tcp_write(question: Question) -> bytes:
    address, function, start, size, transaction = question
    head = transaction.to_bytes(2, "big") + b"\0\0\0\x06" + bytes((address, function))
    return head + start.to_bytes(2, "big") + size.to_bytes(2, "big")


def _tcp_heads(frame: bytes) -> Heads:
    address, function, start, size = _QUESTION(frame, 6)
    transaction = int.from_bytes(frame[:2], "big")
    question = _new(Question, (address, function, start, size, transaction))
    head = frame[:2] + b"\0\0\0"
    answer = head + bytes((3 + 2 * size, address, function, 2 * size))
    refusal = head + bytes((3, address, function | _REFUSED))
    return _new(Heads, (question, answer, 9 + 2 * size, refusal, 9))


# Lookahead, so that a question which begins within what only looks like one is found as well.
RTU = Framing(
    checks=True,
    question_bytes=8,
    shape=re.compile(rb"(?=([\x01-\xf7][\x03\x04]..\x00[\x01-\x7d]..))", re.DOTALL),
    write=_rtu_write,
    heads=_rtu_heads,
    registers=slice(3, -2),
    code=2,
)
TCP = Framing(
    checks=False,
    question_bytes=12,
    shape=re.compile(rb"(?=(..\x00\x00\x00\x06.[\x03\x04]..\x00[\x01-\x7d]))", re.DOTALL),
    write=_tcp_write,
    heads=_tcp_heads,
    registers=slice(9, None),
    code=8,
)
_RTU_BEGUN = re.compile(
    rb"[\x01-\xf7](?:\Z|[\x03\x04](?:\Z|.(?:\Z|.(?:\Z|\x00(?:\Z|[\x01-\x7d])))))", re.DOTALL
)
