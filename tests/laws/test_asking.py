"""Whatever is answered to a driver that asks: it goes on asking, at its own pace, for ever.

A hostile device answers here, in a time of its own; every driver file that asks is held to it.
"""

import random
import re

import pytest

from drivers import sdk
from drivers.reading import Message
from tests.laws.subjects import SUBJECTS, Subject, noise

ASKING = [subject for subject in SUBJECTS if subject.polled]
LISTENING = [subject for subject in SUBJECTS if not subject.polled]
each_asking = pytest.mark.parametrize("subject", ASKING, ids=lambda subject: subject.name)
each_listening = pytest.mark.parametrize("subject", LISTENING, ids=lambda subject: subject.name)
TURNS = 400
WAIT_S_MAX = 7 * 86_400  # a battery meter may be asked once a week
SENT_BYTES_MAX = 300  # the longest frame of any protocol here, M-Bus, has 261
SENT_AT_ONCE_MAX = 40  # M-Bus asks for 32 telegrams of a meter that always has another
# A bus of the fastest protocol, Modbus at 115200 baud, carries no more questions than this.
SENT_PER_SECOND_MAX = 100
NOISE_BYTES_MAX = 256 * 1024
NOISE_S_MAX = 3_600
FRAME = re.compile("[78][NEO][12]")


class Clocked:
    """A session in virtual time; notes what it sends, and holds every step to the rules."""

    def __init__(self, subject: Subject) -> None:
        self._session = subject.open()
        self.now_s = 0.0
        self.wake_s = 0.0
        self.sent: list[bytes] = []
        self.rested = 0

    def feed(self, chunk: bytes) -> None:
        self._take(self._session.feed(chunk))

    def time_out(self) -> None:
        """Let time pass until the session wants to be called; it must then say when next."""
        self.now_s = max(self.now_s, self.wake_s)
        steps = self._session.timeout()
        assert any(isinstance(step, sdk.Wait | sdk.Rest) for step in steps), steps
        self._take(steps)

    def _take(self, steps: list[sdk.Step]) -> None:
        assert sum(isinstance(step, sdk.Send) for step in steps) <= SENT_AT_ONCE_MAX
        for step in steps:
            match step:
                case sdk.Send(data):
                    assert 0 < len(data) <= SENT_BYTES_MAX
                    self.sent.append(data)
                case sdk.Wait(seconds) | sdk.Rest(seconds):
                    assert 0 < seconds <= WAIT_S_MAX
                    self.wake_s = self.now_s + seconds
                    self.rested += isinstance(step, sdk.Rest)
                case sdk.SetLine(line):
                    assert 300 <= line.baud <= 115_200
                    assert FRAME.fullmatch(line.frame)
                case _:
                    assert isinstance(step, Message)


def _answer(subject: Subject, question: bytes, chance: random.Random) -> bytes:
    """What a hostile, deaf or broken device says to a question."""
    own = chance.choice(subject.examples).stream
    middle = chance.randrange(len(own))
    return chance.choice(
        (
            b"",
            question,
            question + own,
            own * chance.randint(1, 40),
            own[:middle],
            own[middle:],
            chance.randbytes(chance.randint(1, 300)),
            question + chance.randbytes(chance.randint(1, 20)),
            bytes((own[0],)) * chance.randint(1, 300),
            b"\xe5" * chance.randint(1, 300),
        )
    )


def test_some_drivers_ask_and_some_listen(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nasking: {len(ASKING)} subjects ask, {len(LISTENING)} listen")
    assert ASKING
    assert LISTENING


@each_asking
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hostile_answers_neither_stop_a_driver_nor_hurry_it(subject: Subject, seed: int) -> None:
    chance = random.Random(seed)
    clocked = Clocked(subject)
    for _ in range(TURNS):
        before = len(clocked.sent)
        clocked.time_out()
        for question in clocked.sent[before:]:
            answer = _answer(subject, question, chance)
            pieces = chance.randint(1, 4)
            size = len(answer) // pieces + 1
            for at in range(0, len(answer), size):
                # Not before the session's own time is up, or it would be called meanwhile.
                clocked.now_s += chance.random() * (clocked.wake_s - clocked.now_s) / 8
                clocked.feed(answer[at : at + size])
    assert len(clocked.sent) >= TURNS // 20
    assert len(clocked.sent) <= SENT_PER_SECOND_MAX * (1 + clocked.now_s)


@each_asking
def test_a_line_that_is_never_quiet_is_left_to_others_in_time(subject: Subject) -> None:
    silent = Clocked(subject)
    for _ in range(TURNS):
        silent.time_out()
    noisy = Clocked(subject)
    noisy.time_out()
    stream = noise(subject, 17, NOISE_BYTES_MAX)
    at = 0
    while noisy.now_s < NOISE_S_MAX and at < NOISE_BYTES_MAX and not noisy.rested:
        piece = stream[at : at + 64]
        at += len(piece)
        if noisy.now_s + 0.05 >= noisy.wake_s:
            noisy.time_out()
        noisy.now_s += 0.05
        noisy.feed(piece)
    assert bool(noisy.rested) == bool(silent.rested)


@each_asking
def test_what_comes_while_nothing_was_asked_is_not_answered(subject: Subject) -> None:
    """Before the first question, and between two rounds where a driver makes any."""
    stream = b"".join(shown.stream for shown in subject.examples)
    for turns in (0, TURNS):
        clocked = Clocked(subject)
        for _ in range(turns):
            clocked.time_out()
            if clocked.rested:
                break
        before = list(clocked.sent)
        if clocked.rested or not turns:
            clocked.feed(stream)
        assert before == clocked.sent


@each_listening
def test_a_driver_that_only_listens_says_nothing(subject: Subject) -> None:
    session = subject.open()
    stream = subject.examples[0].stream + noise(subject, 19, 4_000)
    steps = session.timeout() + session.feed(stream) + session.timeout()
    assert [] == [step for step in steps if isinstance(step, sdk.Send)]
