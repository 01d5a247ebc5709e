"""The far ends of the village's lines: what a device says is written, and kept as the truth."""

import asyncio
import time
from collections.abc import Callable

from firmware_sim.device import Simulated
from firmware_sim.street import Device
from firmware_sim.terminal import Terminal
from firmware_sim.truth import Place, Steps

# A gateway that asks goes on within this, or has finished; real seconds.
QUIET_S = 0.03


class Line:
    """One device at its end of a line."""

    def __init__(
        self,
        place: Place,
        device: Device,
        simulated: Simulated,
        port: Terminal,
        steps: Steps | None,
    ) -> None:
        self.place = place
        self.device = device
        self._simulated = simulated
        self._port = port
        self._steps = steps
        self._said = b""
        self._is_unread = False  # as far as is known
        self._heard_s = 0.0

    def listen(self, clock: Callable[[], int]) -> None:
        """From now on answer at once whatever is asked; `clock` gives the domain's time."""

        def hear() -> None:
            at_ms = clock()
            self._heard_s = time.monotonic()
            answer = self._simulated.hears(self._port.read(), now_ms=at_ms)
            if answer:
                self._write(answer, at_ms)

        asyncio.get_running_loop().add_reader(self._port.device_end, hear)

    def speak(self, at_ms: int) -> None:
        """Say what there is to say at this time by itself."""
        if at_ms % self.device.every_ms:
            return
        data = self._simulated.ticks(at_ms)
        if data:
            self._said = data
            self._write(data, at_ms)
        elif self.device.counts:
            self._keep(at_ms)

    def repeat(self) -> None:
        """Say the same once more, if it has been taken from the line; a pulse comes only once."""
        if self._said and not self.device.counts and not self._port.unread():
            self._port.write(self._said)
            self._is_unread = True

    def _write(self, data: bytes, at_ms: int) -> None:
        # Whoever speaks has waited until all before was read, and no telegram is longer than a
        # line holds.
        taken = self._port.write(data)
        self._is_unread = True
        assert taken == len(data), (self.place, taken, len(data))
        self._keep(at_ms)

    def _keep(self, at_ms: int) -> None:
        """What is shown now is the truth of this time."""
        if self._steps:
            self._steps.write(self.place, at_ms, self._simulated.truth())

    def is_busy(self) -> bool:
        """Whether something is still to be read, or a conversation goes on."""
        talks = self.device.asked and time.monotonic() - self._heard_s < QUIET_S
        self._is_unread = self._is_unread and self._port.unread() > 0
        return talks or self._is_unread

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._port.device_end)
        self._port.close()
