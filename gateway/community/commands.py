"""What the hub may ask of this gateway: records again, a telegram, a word to a scale.

A command is the bridge's own, for us, in time and not done before, or nothing is done. The hub says
it again until a record answers it, so an answer that was lost with a power cut is given anew.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

import structlog

from drivers.reading import Message
from gateway.community.bridgekey import BridgeKey
from gateway.community.forgeries import Forgeries
from gateway.contract import command, record
from gateway.contract.clock import METER
from gateway.contract.command import DONE, REFUSED, Command
from gateway.contract.record import ANSWER, Element
from gateway.contract.signed import Malformed
from gateway.devices import DeviceNow
from gateway.journal import EVIDENCE, Journal, NotKept
from gateway.quarter import Moment, elements, packs, telegram, timed

log = structlog.get_logger()

# No command is good for longer: answers are kept for two weeks, and after that the same command
# could be done a second time.
LIFE_MS_MAX = 7 * 24 * 3_600_000
# Answers that are remembered from the journal.
ANSWERS_MAX = 1_000
# Every answer is a commit on a card that wears out.
COMMANDS_MAX, COMMANDS_S = 20, 60.0
# The same range is not sent again while the first time may still be under way.
RESEND_AGAIN_S = 60.0
# Live values do not leave the house: a telegram tells no more often than the evidence does.
TELEGRAM_AGAIN_S = 900.0


class Commands:
    """`hear` takes whatever comes on our topic of commands.

    `ask` has records sent again and `tell` gives a device a word; both say why not, "" where so.
    `is_sure` says whether our clock goes before a meter's.
    """

    def __init__(
        self,
        journal: Journal,
        devices: Mapping[str, DeviceNow],
        *,
        owner: tuple[str, str],
        bridge_key: BridgeKey,
        forgeries: Forgeries,
        moment: Callable[[], Moment],
        is_sure: Callable[[Moment], bool],
        real_s: Callable[[], float],
        ask: Callable[[str, int, int], str],
        tell: Callable[[str, str], str],
    ) -> None:
        self._journal = journal
        self._devices = devices
        self._owner = owner
        self._bridge_key = bridge_key
        self._forgeries = forgeries
        self._moment = moment
        self._is_sure = is_sure
        self._real_s = real_s
        self._ask = ask
        self._tell = tell
        self._recent: deque[float] = deque(maxlen=COMMANDS_MAX)
        self._resent_s: dict[str, float] = {}
        self._telegram_s: dict[str, float] = {}
        self._answered = set(_answered(journal.newest(ANSWER, ANSWERS_MAX)))

    def hear(self, payload: bytes) -> None:
        """One command; what is not to be done is passed over without a word."""
        try:
            said = command.check(payload, key=self._bridge_key.key)
            if (said.community, said.gateway) != self._owner:
                raise Malformed(f"a command to {said.gateway!r} of {said.community!r}")
        except Malformed as error:
            self._forgeries.note("command", str(error))
            return
        if said.id in self._answered or not self._is_in_time(said) or self._is_too_much():
            return
        self._obey(said)

    def _is_in_time(self, said: Command) -> bool:
        """Who does not know the time believes the hub, for what was answered is remembered."""
        utc_ms = self._moment().utc_ms
        return utc_ms is None or 0 <= said.expires_ms - utc_ms <= LIFE_MS_MAX

    def _is_too_much(self) -> bool:
        now_s = self._real_s()
        if len(self._recent) == COMMANDS_MAX and now_s - self._recent[0] < COMMANDS_S:
            return True
        self._recent.append(now_s)
        return False

    def _obey(self, said: Command) -> None:
        match said.word:
            case command.RESEND:
                self._resend(said)
            case _ if not self._journal.takes:
                return  # what cannot be answered is not done; the hub asks again
            case command.TELEGRAM:
                self._read(said)
            case _:
                self._finish(said, self._tell(said.device, said.word))

    def _resend(self, said: Command) -> None:
        """The records are the answer; only where there are none is there another one."""
        now_s = self._real_s()
        again_s = self._resent_s.get(said.id)
        if again_s is not None and now_s < again_s:
            return
        self._resent_s = {id_: at for id_, at in self._resent_s.items() if at > now_s}
        self._resent_s[said.id] = now_s + RESEND_AGAIN_S
        try:
            why = self._ask(said.chain, said.first, said.last)
        except NotKept:
            return  # the hub asks again
        if why:
            self._finish(said, why)
        else:
            log.info("resend_asked", chain=said.chain, first=said.first, last=said.last)

    def _read(self, said: Command) -> None:
        """The newest telegram of a meter, with what it says."""
        device, now_s = self._devices.get(said.device), self._real_s()
        if device is None:
            self._finish(said, f"no device is called {said.device[:40]}")
        elif device.telegram is None:
            self._finish(said, f"{said.device} has said nothing that can be told")
        elif now_s < self._telegram_s.get(said.device, now_s):
            self._finish(said, "a telegram is told once in a quarter of an hour")
        else:
            self._telegram_s[said.device] = now_s + TELEGRAM_AGAIN_S
            self._answer_telegram(said, device.telegram)

    def _answer_telegram(self, said: Command, newest: Message) -> None:
        moment = self._moment()
        is_sure = self._is_sure(moment)
        read = timed(newest, moment, is_sure=is_sure)
        if read and read.by_meter and not is_sure:
            moment = Moment(read.at_ms, moment.mono_ms, METER)
        readings = read.readings if read else ()
        pack = elements(said.device, readings, base_ms=moment.utc_ms or 0)
        self._answer(said, DONE, "", [*pack, telegram(said.device, newest.raw)], moment)

    def _finish(self, said: Command, why: str) -> None:
        self._answer(said, REFUSED if why else DONE, why, [], self._moment())

    def _answer(
        self, said: Command, outcome: str, why: str, more: list[Element], moment: Moment
    ) -> None:
        """Answer for good: what is answered is not done again."""
        self._answered.add(said.id)
        head = command.answer(said.id, outcome, why)
        for part in list(packs(more)) or [[]]:
            self._journal.append(EVIDENCE, ANSWER, [*head, *part], moment=moment)
        log.info("command_answered", word=said.word, outcome=outcome, why=why)
        try:
            self._journal.commit(moment)
        except NotKept:
            return  # the journal tells; the answer goes with the next commit


def _answered(answers: Iterable[bytes]) -> Iterator[str]:
    """Which commands these records answer; one that a worn card spoilt says nothing."""
    for data in answers:
        with suppress(Malformed):
            yield command.answered(record.parse(data)[1])
