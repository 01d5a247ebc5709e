"""The conversation with a Modbus device: asking it round by round, or hearing another master ask.

Spec: MODBUS over Serial Line 1.02, §2.4 (one question at a time, time-outs). What is asked and what
an answer means is a book's business; see drivers/wire/registermap.py.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Rest, Send, Step, Wait
from drivers.wire import crc, modbus
from drivers.wire.modbus import Framing, Heads, Question
from drivers.wire.noise import Noise

TRIES = 3  # of one question
HEARD_BYTES_MAX = 1024  # that prolong the wait for one answer
HEADS_MAX = 64  # questions that are remembered; masters ask the same again and again
QUESTIONS_MAX = 64  # of one round: a device whose list never ends is left alone

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Block(NamedTuple):
    """Registers to ask for together. A device may lack an `optional` block."""

    function: int
    start: int
    size: int
    optional: bool = False

    def __str__(self) -> str:
        last = self.start + self.size - 1
        return f"function {self.function}, registers {self.start} to {last}"


# Where a frame stands in the stream, and how many bytes it has.
Place = tuple[int, int]


class Told(NamedTuple):
    """What an answer says."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...] = ()


class Book(Protocol):
    """What a kind of device has in which registers, and what was learnt of this one."""

    def round(self) -> Iterator[Block]:
        """The blocks of one round; each is asked for after the one before was taken or refused."""
        ...

    def take(self, question: Question, registers: bytes, place: Place) -> Told:
        """What these registers say; `place` is where their frame stands, for its faults."""
        ...

    def refuse(self, block: Block) -> None:
        """The device does not have this optional block."""
        ...

    def forget(self) -> None:
        """The device was silent: another one may be there next time."""
        ...


class Timing(NamedTuple):
    """Seconds: between two rounds, until a question is repeated, between answer and question."""

    interval_s: float
    timeout_s: float
    pause_s: float


class Session:
    """Asks a device again and again; until it is asked to, it hears what another master asks.

    A round is told as one Message with its last answer, all of it or nothing: so the counters of a
    quarter-hour belong together. Its `raw` is the round's whole conversation, each question as it
    was sent and its answer, from which the readings can be worked out again; it is placed where
    the round's first answer stands. While another master asks, each answer that follows its
    question at once is a Message, with the question.
    """

    def __init__(self, framing: Framing, book: Book, address: int | None, timing: Timing) -> None:
        """`address` None takes what every device says, and is for listening only."""
        self._framing = framing
        self._book = book
        self._address = address
        self._timing = timing
        self._wait = Wait(timing.timeout_s)
        self._buffer = b""
        self._offset = 0
        self._noise = Noise()
        # The next answer belongs to the last question heard or sent, and begins before `_until`.
        self._heard = b""
        self._heads: Heads | None = None
        self._until = 0
        self._known: dict[bytes, Heads] = {}  # questions with a right check
        # Our own part.
        self._polls = False
        self._blocks: Iterator[Block] | None = None  # of the round; None between two rounds
        self._block: Block | None = None  # the one to ask for
        self._sent = b""  # the question under way
        self._tries = 0
        self._asked = 0  # questions of this round
        self._heard_bytes = 0  # bytes since the question
        self._transaction = 0
        self._is_over = False
        self._round: list[tuple[int, bytes, Told]] = []

    def feed(self, chunk: bytes) -> list[Step]:
        self._buffer += chunk
        steps: list[Step] = []
        self._follow(steps, final=False)
        self._heard_bytes += len(chunk)
        if self._sent and chunk and self._heard_bytes <= HEARD_BYTES_MAX and not _waits(steps):
            steps.append(self._wait)  # 80 registers take 0.8 s at 2400 baud
        return steps

    def timeout(self) -> list[Step]:
        """A round begins or goes on, a question is repeated, or the device is given up."""
        self._polls = True
        steps: list[Step] = []
        self._follow(steps, final=True)
        if _waits(steps):  # the answer stood there after all
            return steps
        steps += self._noise.tell()
        if self._sent:
            self._sent = b""
            if self._tries >= TRIES:
                what = f"no answer to {TRIES} questions for {self._block}"
                self._book.forget()
                return steps + self._give_up(Fault("silent", self._offset, 0, what))
        return steps + self._go_on()

    def _go_on(self) -> list[Step]:
        if self._is_over:
            self._is_over = False
            return [Rest(self._timing.interval_s)]
        if self._blocks is None:
            self._blocks = self._book.round()
            self._round = []
            self._asked = 0
            self._next()
        if self._block is None:
            return [*self._finish(), Wait(self._timing.pause_s)]
        return self._ask(self._block)

    def _next(self) -> None:
        assert self._blocks is not None
        self._asked += 1
        self._tries = 0
        self._block = next(self._blocks, None) if self._asked <= QUESTIONS_MAX else None

    def _ask(self, block: Block) -> list[Step]:
        assert self._address is not None
        self._tries += 1
        self._heard_bytes = 0
        if not self._framing.checks:
            self._transaction = self._transaction % 0xFFFF + 1
        function, start, size, _ = block
        question = Question(self._address, function, start, size, self._transaction)
        self._sent = self._framing.write(question)
        self._expect(self._sent, self._offset + len(self._buffer))
        return [Send(self._sent), self._wait]

    def _expect(self, frame: bytes, end: int) -> None:
        self._heard, self._heads = frame, self._known.get(frame) or self._learn(frame)
        # Who only hears cannot know what was lost between, perhaps an answer and a question.
        self._until = end + (modbus.WITHIN_BYTES if self._polls else 1)

    def _learn(self, question: bytes) -> Heads:
        if len(self._known) >= HEADS_MAX:
            self._known.clear()
        heads = self._known[question] = self._framing.heads(question)
        return heads

    def _follow(self, steps: list[Step], *, final: bool) -> None:
        """What the buffer holds, frame by frame."""
        data, at, noise = self._buffer, 0, self._noise
        while True:
            if self._heads is None and not self._polls:
                at = self._overhear(steps, data, at)
            kind, place, frame = modbus.find(
                self._framing,
                data,
                at,
                self._heads,
                until=self._until - self._offset,
                final=final,
            )
            if place > at:
                steps += noise.skip(self._offset + at, place - at)
            at = place
            if kind == modbus.NOTHING:
                break
            if kind == modbus.QUESTION and self._heads is not None and not self._polls:
                self._heads = None  # the one before was left unanswered: overhear again
                continue
            if noise.length:
                steps += noise.tell()
            steps += self._take(kind, frame, self._offset + at)
            at += len(frame)
        self._buffer = data[at:]
        self._offset += at

    def _overhear(self, steps: list[Step], data: bytes, at: int) -> int:
        """Questions with their whole answers, and unanswered ones: nearly all that others say.

        Returns where something else begins, or may begin once more of it is there.
        """
        framing, known, noise, address = self._framing, self._known, self._noise, self._address
        size, registers, checks = framing.question_bytes, framing.registers, framing.checks
        take, asks = self._book.take, partial(modbus.is_question, framing)
        offset, place, last = self._offset, at, len(data) - size
        while True:
            heads = known.get(data[place : place + size])
            if heads is None:
                place, heads = self._question(data, place)
                if heads is None:
                    return at
            begin = place + size
            asked, head, length, refusal, _ = heads
            frame = data[begin : begin + length]
            is_answer = frame.startswith(head)
            if is_answer:
                # No answer has the form of a question but with a zero as its fifth byte.
                if len(frame) < length or begin > last or (not frame[4] and asks(data, begin)):
                    return at
            elif len(frame) < len(head) or frame.startswith(refusal):
                return at
            if place > at or noise.length:
                steps += noise.end(offset + at, place - at)
            at = begin
            if is_answer and checks and crc.modbus(frame):
                frame = modbus.until_question(frame)
                at += len(frame)
                steps.append(_damaged(frame, offset + begin))
            elif is_answer:
                at += length
                if address is None or address == asked.address:
                    readings, faults = take(asked, frame[registers], (offset + begin, length))
                    if readings or faults:
                        raw = data[place:at]
                        steps.append(_new(Message, (offset + place, raw, readings, faults)))
            place = at

    def _question(self, data: bytes, place: int) -> tuple[int, Heads | None]:
        """Where the next question with a right check stands, and how it is answered."""
        while match := self._framing.shape.search(data, place):
            place, question = match.start(), match[1]
            heads = self._known.get(question)
            if heads is None and not (self._framing.checks and crc.modbus(question)):
                heads = self._learn(question)
            if heads is not None:
                return place, heads
            place += 1
        return place, None

    def _take(self, kind: int, frame: bytes, offset: int) -> list[Step]:
        if kind == modbus.QUESTION:  # our own, as some converters echo it, or another master's
            self._expect(frame, offset + len(frame))
            return []
        heard, heads = self._heard, self._heads
        assert heads is not None
        self._heads = None
        if kind == modbus.DAMAGED:
            return [_damaged(frame, offset)]
        if self._polls:
            return self._answered(kind, heads, frame, offset) if heard == self._sent else []
        if self._address not in {None, heads.question.address}:
            return []
        told = self._told(kind, heads.question, frame, offset)
        if not told.readings and not told.faults:
            return []
        return [_new(Message, (offset - len(heard), heard + frame, *told))]

    def _told(self, kind: int, question: Question, frame: bytes, offset: int) -> Told:
        if kind == modbus.REFUSAL:
            code = frame[self._framing.code]
            what = modbus.EXCEPTIONS.get(code, "for a reason of its maker's")
            detail = f"{what}: exception {code:02X} to {Block(*question[1:4])}"
            return Told((), (Fault("refused", offset, len(frame), detail),))
        registers = frame[self._framing.registers]
        return self._book.take(question, registers, (offset, len(frame)))

    def _answered(self, kind: int, heads: Heads, frame: bytes, offset: int) -> list[Step]:
        """The device has answered our own question, and the next one is due after a pause."""
        assert self._block is not None
        sent, block = self._sent, self._block
        self._sent = b""
        told = self._told(kind, heads.question, frame, offset)
        if kind == modbus.REFUSAL and not block.optional:
            if frame[self._framing.code] in modbus.PASSING and self._tries < TRIES:
                return [self._wait]
            return self._give_up(*told.faults)
        if kind == modbus.REFUSAL:
            self._book.refuse(block)
        self._round.append((offset, sent + frame, told))
        # A late answer to the first try may follow that to the second: hear it before asking on.
        is_doubled = self._tries > 1 and self._framing.checks
        pause = self._wait if is_doubled else Wait(self._timing.pause_s)
        self._next()
        return [pause] if self._block is not None else [*self._finish(), pause]

    def _finish(self) -> list[Step]:
        """All is answered: tell it, and leave the line to others after a pause."""
        parts = self._round
        self._blocks, self._block, self._is_over = None, None, True
        readings = tuple(reading for _, _, told in parts for reading in told.readings)
        faults = tuple(fault for _, _, told in parts for fault in told.faults)
        offset = parts[0][0] if parts else self._offset
        raw = b"".join(frames for _, frames, _ in parts)
        return [Message(offset, raw, readings, faults)]

    def _give_up(self, *faults: Fault) -> list[Step]:
        """Nothing of this round is told but what went wrong."""
        earlier = tuple(fault for _, _, told in self._round for fault in told.faults)
        self._blocks, self._block, self._is_over = None, None, True
        message = Message(self._offset, b"", (), earlier + faults)
        return [message, Wait(self._timing.pause_s)]


def _damaged(frame: bytes, offset: int) -> Message:
    fault = _new(Fault, ("checksum", offset, len(frame), "an answer whose check is wrong"))
    return _new(Message, (offset, frame, (), (fault,)))


def _waits(steps: list[Step]) -> bool:
    return any(isinstance(step, Wait | Rest) for step in steps)
