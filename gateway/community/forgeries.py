"""What was said in the bridge's name and is not its own: counted, and logged now and then."""

from collections.abc import Callable

import structlog

log = structlog.get_logger()

# Whoever may write to the broker could fill the log of a Pi.
LOG_S = 60.0


class Forgeries:
    """`count` is how many since the start; `real_s` is the real monotonic clock.

    `is_early` says that the link is so new that the bridge's newest key may not have come by it:
    then what the old key did not sign is passed over and nobody is accused.
    """

    def __init__(self, real_s: Callable[[], float], *, is_early: Callable[[], bool]) -> None:
        self.count = 0
        self._real_s = real_s
        self._is_early = is_early
        self._logged_s: float | None = None

    def note(self, what: str, reason: str) -> None:
        """`what` is receipt, command or keys. Nothing was done on its account."""
        if self._is_early():
            return
        self.count += 1
        now_s = self._real_s()
        if self._logged_s is None or now_s - self._logged_s >= LOG_S:
            self._logged_s = now_s
            log.warning(f"{what}_forged", reason=reason, count=self.count)
