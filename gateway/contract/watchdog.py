"""The service manager's watchdog, fed only while the work goes on.

Every part that should turn round regularly says when it last did. Once one has not for too long,
nothing is fed any more, and the service manager starts the program again. Spec: sd_notify(3).
"""

import asyncio
import os
from collections.abc import Callable, Mapping

import structlog

from gateway.contract.notify import notify

log = structlog.get_logger()

# A turn takes a second; a slow card may hold up a commit for some, a broker's answer for ten.
TURN_S_MAX = 40.0
# An update on trial is good only once its watchdog was fed at the end of it.
FED_S_MAX = 30.0

# When a part last turned, by the loop's clock; 0 where it has not begun.
Turned = Callable[[], float]


def interval_s() -> float | None:
    """How often to feed: in half of the time that is allowed at most. None where nobody asks."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    wanted = os.environ.get("WATCHDOG_PID", "")
    if not allowed.isdecimal() or (wanted and wanted != str(os.getpid())):
        return None
    return min(int(allowed) / 2_000_000, FED_S_MAX)


def stuck(parts: Mapping[str, Turned], now_s: float) -> list[str]:
    """The parts that have not turned for too long."""
    return [name for name, turned in parts.items() if 0 < turned() < now_s - TURN_S_MAX]


async def run(parts: Mapping[str, Turned], every_s: float) -> None:
    """Feed for ever; ends only when cancelled."""
    loop = asyncio.get_running_loop()
    is_told = False
    while True:
        names = stuck(parts, loop.time())
        if not names:
            notify(WATCHDOG="1")
        elif not is_told:
            log.error("part_stuck", parts=", ".join(names), try_="the service manager restarts us")
        is_told = bool(names)
        await asyncio.sleep(every_s)
