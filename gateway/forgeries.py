"""What was said in the bridge's name and is not its own: counted, and logged now and then."""

from collections.abc import Callable

import structlog

log = structlog.get_logger()

# Whoever may write to the broker could fill the log of a Pi.
LOG_S = 60.0


class Forgeries:
    """`count` is how many since the start; `real_s` is the real monotonic clock."""

    def __init__(self, real_s: Callable[[], float]) -> None:
        self.count = 0
        self._real_s = real_s
        self._logged_s: float | None = None

    def note(self, what: str, reason: str) -> None:
        """`what` is receipt, command or keys. Nothing was done on its account."""
        self.count += 1
        now_s = self._real_s()
        if self._logged_s is None or now_s - self._logged_s >= LOG_S:
            self._logged_s = now_s
            log.warning(f"{what}_forged", reason=reason, count=self.count)
