"""Whether a new version is good: it got ready, and ran for two minutes without an end.

A service says itself that it is ready, and feeds its watchdog while its reading and its sending
turn round. So systemd knows all that is asked here.
"""

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import structlog

from gateway.update.place import Place

log = structlog.get_logger()

GOOD_S = 120.0
# One may be an accident; two in a row are none.
ENDS_MAX = 2
LOOK_S = 1.0
# A disk that cannot be written to, or nothing to go back to: somebody has to come.
AGAIN_S = 60.0
# A service that somebody has stopped is not waited for.
IDLE_S = 30.0
UNITS = ("meterkast-gateway.service", "meterkast-bridge.service", "meterkast-broker.service")
# What ends a service that will not get better by another start.
HANGS = {"timeout": "did not get ready", "watchdog": "stood still"}


class State(NamedTuple):
    """A service, as systemd has it."""

    active: str  # active, activating, inactive, failed …
    pid: int
    ends: int  # since somebody started it
    result: str  # of what ended last: success, exit-code, timeout, watchdog …
    fed_s: float = math.inf  # when its watchdog was fed last, where it has one; monotonic


class Services(Protocol):
    """Whoever runs the services."""

    def running_from(self, place: Place) -> list[str]:
        """The units that run what `current` leads to."""
        ...

    def state(self, unit: str) -> State: ...

    def restart(self, unit: str) -> None:
        """Start what `current` leads to; what the one before it did is no longer counted."""
        ...


class Verdict(NamedTuple):
    """`why` it is bad, "" where it is not; good after `GOOD_S` of running well, without an end."""

    why: str
    ran_s: float

    @property
    def is_good(self) -> bool:
        return not self.why and self.ran_s >= GOOD_S


class Trial:
    """What is known of the services that run a new version."""

    def __init__(self) -> None:
        self._since_s: dict[str, tuple[int, float]] = {}

    def look(self, states: Mapping[str, State], now_s: float) -> Verdict:
        ran_s = GOOD_S
        for unit, state in states.items():
            # While it ends, the result may be that of the version before.
            if state.active == "activating" and state.result in HANGS:
                return Verdict(f"{unit} {HANGS[state.result]}", 0)
            if state.active == "failed":
                return Verdict(f"{unit} failed: {state.result}", 0)
            if state.ends >= ENDS_MAX:
                return Verdict(f"{unit} ended {state.ends} times", 0)
            if state.active != "active":
                self._since_s.pop(unit, None)
                ran_s = 0
                continue
            pid, since_s = self._since_s.get(unit, (0, 0.0))
            if pid != state.pid:
                since_s = now_s
                self._since_s[unit] = (state.pid, now_s)
            # From its last feed on nobody knows whether it stands still.
            ran_s = min(ran_s, max(0, min(now_s, state.fed_s) - since_s))
        return Verdict("", ran_s if states else 0)


def running(services: Services, place: Place) -> dict[str, State]:
    """The services of a place that somebody started."""
    states = {unit: services.state(unit) for unit in services.running_from(place)}
    return {unit: state for unit, state in states.items() if state.active not in {"inactive", ""}}


def watch(
    place: Place,
    services: Services,
    *,
    tell: Callable[[float], None],
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Watch over the version on trial until it is kept, or taken back; or until nothing runs.

    `tell` hears for how many seconds it has run well.
    """
    trial, version, idle_s = Trial(), place.on_trial, now_s()
    while version:
        states = running(services, place)
        verdict = trial.look(states, now_s())
        try:
            if verdict.why:
                place.take_back(verdict.why)
                for unit in states:
                    services.restart(unit)
                return
            if verdict.is_good:
                place.keep()
                return
        except OSError as error:
            log.error("update_stuck", version=version, why=verdict.why, error=error)
            sleep(AGAIN_S)
            continue
        if states:
            idle_s = now_s()
            tell(verdict.ran_s)
        elif now_s() - idle_s > IDLE_S:
            return  # whoever starts the service has it watched again
        sleep(LOOK_S)
        if place.on_trial != version:  # another update came
            trial, version = Trial(), place.on_trial


class Systemd:
    """The service manager of this machine."""

    def running_from(self, place: Place) -> list[str]:
        path = f"path={place.root}/current/"
        return [unit for unit in UNITS if path in _shown(unit, "ExecStart").get("ExecStart", "")]

    def state(self, unit: str) -> State:
        told = _shown(
            unit, "ActiveState", "MainPID", "NRestarts", "Result", "WatchdogTimestampMonotonic"
        )
        fed_us = int(told.get("WatchdogTimestampMonotonic", 0))
        return State(
            active=told.get("ActiveState", ""),
            pid=int(told.get("MainPID", 0)),
            ends=int(told.get("NRestarts", 0)),
            result=told.get("Result", ""),
            fed_s=fed_us / 1e6 if fed_us else math.inf,
        )

    def restart(self, unit: str) -> None:
        _systemctl("reset-failed", unit)
        _systemctl("restart", "--no-block", unit)


def _shown(unit: str, *names: str) -> dict[str, str]:
    said = _systemctl("show", f"--property={','.join(names)}", unit)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _systemctl(*words: str) -> str:
    """What it says; "" where there is no systemd."""
    program = shutil.which("systemctl")
    if program is None:
        return ""
    done = subprocess.run([program, *words], check=False, capture_output=True, text=True)  # noqa: S603
    return done.stdout
