"""Places of versions that can say which they are, and services that are as they are told to be."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.update.place import Place
from gateway.update.trial import State, watch

OLD, NEW, NEWER = "versions/0.1.0", "versions/0.2.0", "versions/0.3.0"
RUNS = State("active", pid=7, ends=0, result="success")
STARTS = State("activating", pid=7, ends=0, result="success")
STOPPED = State("inactive", pid=0, ends=0, result="success")


def environment(place: Place, name: str, says: str | None = None) -> Path:
    """A version that can say which it is, and nothing else."""
    program = place.root / name / "bin" / "meterkast"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {says or Path(name).name}\n")
    program.chmod(0o755)
    program.with_name("python").symlink_to(sys.executable)
    return place.root / name


def first(root: Path) -> Place:
    """A place in which the first version runs."""
    made = Place(root)
    environment(made, OLD)
    made._lead("current", OLD)
    return made


def runs(place: Place) -> str:
    """What the version says that would be started now."""
    done = subprocess.run(
        [place.root / "current/bin/meterkast"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Machine:
    """Services that are as they are told to be, second by second."""

    def __init__(self, states: Iterator[State]) -> None:
        self.now_s = 0.0
        self.restarted: list[str] = []
        self._states = states

    def running_from(self, _: Place) -> list[str]:
        return ["meterkast-gateway.service"]

    def state(self, _: str) -> State:
        return next(self._states)

    def restart(self, unit: str) -> None:
        self.restarted.append(unit)

    def watch(self, place: Place) -> list[float]:
        told: list[float] = []
        watch(place, self, tell=told.append, now_s=lambda: self.now_s, sleep=self._sleep)
        return told

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
