"""A driver and a simulated device at the two ends of a line, in a time of their own."""

from drivers import sdk
from drivers.reading import Message

STEP_MS = 10


class Talk:
    """Nothing is real: `go_on` lets time pass and gives what the driver told meanwhile.

    `device` needs `hears(data, now_ms=…)` and `ticks(now_ms)`. `heard` pairs each message with
    what the device's `truth()` was when the message was told, where it has one.
    """

    def __init__(self, session, device, *, now_ms=0):
        self.now_ms = now_ms
        self.messages = []
        self.heard = []
        self._session = session
        self._device = device
        self._wake_ms = None
        self._take(session.timeout())

    def _take(self, steps):
        for step in steps:
            match step:
                case sdk.Send(data):
                    self._take(self._session.feed(self._device.hears(data, now_ms=self.now_ms)))
                case sdk.Wait(seconds) | sdk.Rest(seconds):
                    self._wake_ms = self.now_ms + round(seconds * 1000)
                case Message():
                    self.messages.append(step)
                    if hasattr(self._device, "truth"):
                        self.heard.append((step, dict(self._device.truth())))

    def command(self, word):
        """Tell the session what to tell the device."""
        self._take(self._session.command(word))

    def go_on(self, milliseconds):
        """Let time pass; gives the messages of that time."""
        self.messages = []
        self.heard = []
        until_ms = self.now_ms + milliseconds
        while self.now_ms < until_ms:
            self.now_ms += STEP_MS
            if said := self._device.ticks(self.now_ms):
                self._take(self._session.feed(said))
            if self._wake_ms is not None and self.now_ms >= self._wake_ms:
                self._wake_ms = None
                self._take(self._session.timeout())
        return self.messages
