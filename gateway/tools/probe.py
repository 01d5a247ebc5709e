"""Ask on a silent port: each driver's own first question, until somebody answers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers import sdk
from drivers.reading import Message
from gateway.lines.lines import DeviceLine, Listener, Member
from gateway.tools.recognise import Known

# What answers does so within a second or two; a meter at 300 baud needs its time.
ANSWER_S = 3.0
SLOW_S = 12.0
SLOW_BAUD = 300
# The width of the checksum of Modbus, and of no other device that is asked.
MODBUS_BITS = 16
# Meters come with address 1; whoever hangs up a second one gives it the next.
ADDRESSES = ("", "2", "3")


class Answer(NamedTuple):
    """Who answered at which line, with which settings beside the defaults; `others` did as well."""

    known: Known
    line: sdk.Line
    settings: Mapping[str, str]
    others: tuple[str, ...]


async def ask(port: str, among: list[sdk.Device], *, tell: Callable[[str], None]) -> Answer | None:
    """The first device that answers one of these drivers, None where none does."""
    quickest = sorted(among, key=lambda driver: driver.line.baud <= SLOW_BAUD)
    for address in ADDRESSES:
        answers: list[Answer] = []
        for driver in quickest:
            named = {setting.name for setting in driver.settings}
            if address and "address" not in named:
                continue
            if answers and not _is_kin(driver, answers[0].known.driver):
                continue
            settings = {"address": address} if address else {}
            if not _is_enough(driver, settings):
                continue
            tell(f"{port}: {driver.name}{f' at address {address}' if address else ''} …")
            if known := await answered(port, driver, settings):
                answers.append(Answer(known, driver.line, settings, ()))
        if answers:
            best = max(answers, key=lambda one: len(one.known.readings) - one.known.faults)
            names = tuple(one.known.driver.name for one in answers if one is not best)
            return best._replace(others=names)
    return None


def _is_kin(driver: sdk.Device, other: sdk.Device) -> bool:
    """Whether both may read the same device: Modbus meters answer whoever asks."""
    return driver.checksum_bits == other.checksum_bits == MODBUS_BITS


def _is_enough(driver: sdk.Device, settings: Mapping[str, str]) -> bool:
    """Whether the driver can ask with these settings; some need a map of what to ask for."""
    try:
        driver.open(settings)
    except sdk.SettingError:
        return False
    return True


async def answered(
    port: str, driver: sdk.Device, settings: Mapping[str, str], line: sdk.Line | None = None
) -> Known | None:
    """What the device says to this driver, at another line than its own where one is given.

    None where it says nothing.
    """
    heard: list[Message] = []
    told = asyncio.Event()

    def message(said: Message) -> None:
        heard.append(said)
        if said.readings:
            told.set()

    listener = Listener(message, opened=lambda: None, lost=told.set)
    member = Member(driver.name, driver, lambda: settings, listener, line)
    running = asyncio.ensure_future(DeviceLine(port, [member]).run())
    baud = (line or driver.line).baud
    try:
        async with asyncio.timeout(SLOW_S if baud <= SLOW_BAUD else ANSWER_S):
            await told.wait()
    except TimeoutError:
        return None
    finally:
        running.cancel()
        await asyncio.wait([running])
    readings = max((one.readings for one in heard), key=len, default=())
    faults = sum(len(one.faults) for one in heard)
    return Known(driver, readings, faults) if readings else None
