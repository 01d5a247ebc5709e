"""`meterkast gateway`: run one gateway until it is told to stop."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from gateway import building, ownkey
from gateway.config import Config
from gateway.contract import watchdog
from gateway.contract.clock import domain_clock
from gateway.contract.errors import PeopleError, Problem, UsageError
from gateway.contract.notify import notify
from gateway.house import House
from gateway.intake import moment_of
from gateway.journal import NotKept
from gateway.kiosk import panel
from gateway.kiosk.panel import Panel
from gateway.reload import Settings

log = structlog.get_logger()

# Domain time is looked at this often when no message comes.
TICK_S = 0.2

ConfigFile = Annotated[Path, Parameter(name="--config")]


def gateway(*, config: ConfigFile = Path("gateway.toml")) -> int:
    """Read the meters of this house or recycling point, keep the records and send them.

    Parameters
    ----------
    config
        the gateway's settings
    """
    return _ended(_live(Settings(config)))


Until = Callable[[House], Awaitable[None]]


def run(config: Config, *, until: Until) -> int:
    """Serve until `until` returns: 0. When a part dies: 1, for the service manager to restart."""
    return _ended(_serve(config, until=until))


def _ended(life: Coroutine[None, None, None]) -> int:
    try:
        asyncio.run(life)
    except ExceptionGroup as group:
        for error in _leaves(group):
            log.error("part_died", error=repr(error), exc_info=error, try_="restart the gateway")
        return 1
    return 0


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    leaves: list[Exception] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, ExceptionGroup) else [error]
    return leaves


async def _live(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, with new settings each time that there are some."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    is_trial = False
    while not stop.is_set():
        try:
            await _serve(settings.good, until=partial(_until, settings, stop), settings=settings)
        except PeopleError as error:
            if not is_trial:
                raise
            settings.keep(error)
            is_trial = False
        else:
            is_trial = True


async def _until(settings: Settings, stop: asyncio.Event, _: House) -> None:
    """Wait until there are new settings, which are then taken, or until told to stop."""
    news = asyncio.ensure_future(settings.news())
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([news, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            notify(STOPPING="1")
            return
        settings.take(news.result())
        log.info("config_taken", file=str(settings.path))
        notify(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
    finally:
        news.cancel()
        stopped.cancel()


async def _tick(house: House) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        house.intake.tick()


async def _serve(config: Config, *, until: Until, settings: Settings | None = None) -> None:
    clock = domain_clock()
    key = ownkey.load(config, clock=clock)
    with closing(building.open_journal(config, clock=clock, key=key)) as journal:
        with suppress(NotKept):  # the journal says so, and the next start tries again
            ownkey.go_on(journal, key, moment_of(clock))
        house = building.build(config, journal, clock=clock, key=key)
        house.settings = settings
        pages = _pages(house)
        house.panel = _panel(house)
        async with asyncio.TaskGroup() as group:
            lines = [group.create_task(line.run()) for line in house.lines]
            others = [group.create_task(_tick(house))]
            others += [group.create_task(page) for page in pages]
            if house.panel:
                others.append(group.create_task(panel.run(house.panel)))
            if house.publisher:
                others.append(group.create_task(house.publisher.link.run()))
                others.append(group.create_task(house.publisher.run()))
            if house.publisher and house.renewing:
                others.append(group.create_task(house.renewing.run(house.publisher.link)))
            if house.home:
                others.append(group.create_task(house.home.link.run()))
                others.append(group.create_task(house.home.run()))
            if every_s := watchdog.interval_s():
                others.append(group.create_task(watchdog.run(_turned(house), every_s)))
            log.info("gateway_started", gateway=config.gateway, devices=len(house.devices))
            notify(READY="1", STATUS=f"{len(house.devices)} devices")
            await until(house)
            for line in lines:
                line.cancel()
            await asyncio.wait(lines)
            house.intake.finish()
            if house.publisher:
                await house.publisher.farewell()
            if house.home:
                await house.home.farewell()
            for other in others:
                other.cancel()
        log.info("gateway_stopped", **(house.journal.tally()._asdict() if house.publisher else {}))


def _turned(house: House) -> dict[str, watchdog.Turned]:
    """When each part that should never stand still last turned round."""
    parts: dict[str, watchdog.Turned] = {"intake": lambda: house.intake.turned_s}
    if publisher := house.publisher:
        parts["community link"] = lambda: publisher.turned_s
    if home := house.home:
        parts["home link"] = lambda: home.turned_s
    return parts


def _panel(house: House) -> Panel | None:
    """Buttons, lamps and buzzer of the recycling point, where there are any."""
    point = house.intake.point
    if point is None or point.settings.panel is None:
        return None
    return panel.opened(point, point.settings.panel, real_ms=building.real_ms)


def _pages(house: House) -> list[Coroutine[None, None, None]]:
    """The local page, the recycling point's screen and the figures of health, already listening.

    Raises UsageError, Unreachable.
    """
    kiosk = house.config.kiosk
    addresses = {
        "page": house.config.page,
        "health": house.config.health,
        "kiosk.screen": kiosk.screen if kiosk else None,
    }
    wanted = {key: where for key, where in addresses.items() if where}
    if not wanted:
        return []
    try:
        from gateway import web  # noqa: PLC0415 - the pages are an extra
        from gateway.health import port as healthport  # noqa: PLC0415
        from gateway.kiosk import screen  # noqa: PLC0415
        from gateway.page import app  # noqa: PLC0415
    except ImportError as error:
        problem = Problem(
            f"the page needs a package that is not installed: {error.name}",
            ", ".join(f'{key} = "{where}"' for key, where in wanted.items()),
            f"pip install 'meterkast[page]', or leave out: {', '.join(wanted)}",
        )
        raise UsageError(problem) from error
    serves = {"page": app.serve, "health": healthport.serve, "kiosk.screen": screen.serve}
    listeners = {key: web.listen(where, key=key) for key, where in wanted.items()}
    return [serves[key](house, listener) for key, listener in listeners.items()]
