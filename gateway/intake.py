"""What becomes of a message: boundary records, samples, the day's chart, the deposit session."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date

import structlog

from drivers.reading import Message
from gateway.clockwork import Clockwork
from gateway.contract import record
from gateway.contract.clock import METER, UNSET, Clock
from gateway.contract.record import CLOCK, QUARTER
from gateway.contract.record import SAMPLES as SAMPLES_TYP
from gateway.days import local_midnight_ms
from gateway.devices import DeviceNow
from gateway.history import History
from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, Journal, NotKept
from gateway.kiosk.point import Point
from gateway.quarter import (
    Moment,
    Quarters,
    Sample,
    Timed,
    elements,
    packs,
    telegram,
    timed,
)

log = structlog.get_logger()

# Parts of a time that were read within this belong together: less than any step that is told.
TOGETHER_MS = 500


def moment_of(clock: Clock) -> Moment:
    """The domain's time now, its parts read together: a village's clock jumps between two reads."""
    while True:
        mono_ms, quality = clock.mono_ms(), clock.quality()
        utc_ms = None if quality == UNSET else clock.utc_ms()
        if clock.mono_ms() - mono_ms <= TOGETHER_MS:
            return Moment(utc_ms, mono_ms, quality)


class Intake:
    """Takes every message of every device to where it belongs."""

    def __init__(
        self,
        journal: Journal,
        devices: dict[str, DeviceNow],
        *,
        clock: Clock,
        samples_shared_since: date | None,
        point: Point | None,
        real_s: Callable[[], float],
        contacts: Collection[str] = (),
    ) -> None:
        """`contacts` names the devices whose pulses only the journal remembers."""
        self.devices = devices
        self.point = point
        self.turned_s = real_s()
        self.history = History(journal, devices, now_ms=moment_of(clock).utc_ms)
        self._journal = journal
        self._clock = clock
        self._shared_since_ms = (
            local_midnight_ms(samples_shared_since) if samples_shared_since else None
        )
        self._real_s = real_s
        self._contacts = contacts
        self._quarters = Quarters(journal.boundaries())
        told = [record.parse(data)[1].identity for data in journal.newest(CLOCK, 1)]
        self.clockwork = Clockwork(clock.boot, told[0] if told else None)

    def moment(self) -> Moment:
        return moment_of(self._clock)

    def hear(self, device: str, message: Message) -> None:
        """One message; what it gives is appended to the journal, and committed when due."""
        moment = self.moment()
        self.devices[device].hear(message, now_s=self._real_s(), utc_ms=moment.utc_ms)
        if self.point:
            self.point.hear(device, message)
        if device in self._contacts:
            self._keep_pulses(device, message, moment)
        if not self._journal.takes:
            return  # the meter goes on counting
        is_sure = self.clockwork.is_sure(moment)
        reading = timed(message, moment, is_sure=is_sure)
        if reading is None:
            return
        if reading.by_meter and not is_sure:
            moment = Moment(reading.at_ms, moment.mono_ms, METER)
        at_ms = moment.mono_ms if reading.at_ms is None else reading.at_ms
        boundary = self._quarters.boundary(device, at_ms)
        if boundary is not None:
            self._append_samples(self._quarters.samples(device, all_of_them=True), moment)
            self._append_boundary(device, boundary, reading, message, moment=moment)
        self._quarters.sample(device, reading)
        self._append_samples(self._quarters.samples(device), moment)
        self._commit_when_due(moment)

    def _commit_when_due(self, moment: Moment) -> None:
        """What the disk does not take stays in memory, and nothing is added to it."""
        if self._journal.is_due(moment.mono_ms):
            with suppress(NotKept):
                self._journal.commit(moment)

    def lost(self, device: str) -> None:
        """The line of a device is gone."""
        if self.point:
            self.point.lost(device)

    def _keep_pulses(self, device: str, message: Message, moment: Moment) -> None:
        for reading in message.readings:
            if reading.unit == "pulse" and isinstance(reading.value, int):
                self._journal.keep_pulses(device, reading.value, moment=moment)

    def _append_boundary(
        self, device: str, boundary: int, reading: Timed, message: Message, *, moment: Moment
    ) -> None:
        pack = elements(device, reading.readings, base_ms=moment.utc_ms or 0)
        # A boundary since the boot is none for the next boot, or once there is a time.
        passed = None if reading.at_ms is None else (device, boundary)
        for part in packs([*pack, telegram(device, message.raw)]):
            self._journal.append(EVIDENCE, QUARTER, part, moment=moment, boundary=passed)
        if reading.at_ms is not None:
            told = {r.register: r for r in message.readings}
            self.history.remember(device, reading.at_ms, told)

    def _append_samples(self, samples: list[Sample], moment: Moment) -> None:
        """Samples taken since the member's consent go to the chain that leaves."""
        if not samples:
            return
        since_ms = self._shared_since_ms
        is_shared = since_ms is not None and samples[0].at_ms >= since_ms
        pack = [
            one
            for sample in samples
            for one in elements(sample.device, sample.readings, base_ms=moment.utc_ms or 0)
        ]
        for part in packs(pack):
            kind = SAMPLES if is_shared else PRIVATE
            self._journal.append(kind, SAMPLES_TYP, part, moment=moment)

    def tick(self) -> None:
        """Time has passed without a message."""
        self.turned_s = self._real_s()
        moment = self.moment()
        if self._journal.takes:
            self._look_at_the_clock(moment)
        if self.point:
            self.point.tick()
        self._commit_when_due(moment)

    def _look_at_the_clock(self, moment: Moment) -> None:
        due = self.clockwork.look(moment, self._clock.bound_ms())
        if due is None:
            return
        self._journal.append(EVIDENCE, CLOCK, due.elements, moment=moment)
        if due.is_set:
            self._quarters.forget()
            self.history.forget_after(moment.utc_ms or 0)

    def finish(self) -> None:
        """The orderly end: what is in memory is written."""
        moment = self.moment()
        for device in self.devices:
            self._append_samples(self._quarters.samples(device, all_of_them=True), moment)
        try:
            self._journal.commit(moment)
        except NotKept as error:
            (problem,) = error.problems
            log.error("not_kept_at_the_end", reason=problem.what, try_=problem.try_)
