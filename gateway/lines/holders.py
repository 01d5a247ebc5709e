"""Who has a port open already, and how to make that program let go of it.

Spec: Linux proc(5): /proc/locks, /proc/PID/fd, comm, cmdline and cgroup.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.contract.errors import LineLost

PROC = Path("/proc")
OURS = "meterkast"
FEEDS = "the home link feeds Home Assistant"
# What a command line or a name says, who that is, and what to do about it.
KNOWN = (
    (r"homeassistant|\bhass\b", "Home Assistant", f"delete what reads this port there; {FEEDS}"),
    (r"dsmr_datalogger|dsmr-?reader", "DSMR-reader", "sudo supervisorctl stop dsmr_datalogger"),
    ("ModemManager", "ModemManager", "sudo systemctl disable --now ModemManager"),
    ("getty", "the login console", "raspi-config: no login shell over serial"),
    ("brltty", "brltty", "sudo apt remove brltty"),
    ("ser2net", "ser2net", "port = tcp://127.0.0.1:PORT, with the port of its settings"),
    (OURS, OURS, "stop the gateway meanwhile"),
)
# Scripts are known by their own name rather than that of what runs them.
_RUNS_SCRIPTS = re.compile(r"(python|node|java|perl|sh|bash)[\d.]*")
_UNIT = re.compile(r"([^/]+\.service)$", re.MULTILINE)
_CONTAINER = re.compile(r"(?:docker|libpod)[-/]([0-9a-f]{12})")


class Holder(NamedTuple):
    """A program that has a port open, and what to try."""

    program: str
    process: int
    try_: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.process})"


def holder(path: str) -> Holder | None:
    """Which other program has the file open, as far as /proc tells who we are."""
    for process in (*_lockers(path), *_openers(path)):
        if process != os.getpid():
            return _named(process)
    return None


def held(path: str) -> LineLost:
    """What to say of a port that another program has."""
    if by := holder(path):
        return LineLost(f"held by {by}", by.try_)
    return LineLost("held by another program", f"sudo fuser --verbose {os.path.realpath(path)}")


def _lockers(path: str) -> Iterator[int]:
    """Who has locked the file, which /proc tells of other users' programs as well."""
    try:
        port = Path(path).stat()
        locks = (PROC / "locks").read_text("ascii")
    except OSError:
        return
    place = f"{os.major(port.st_dev):02x}:{os.minor(port.st_dev):02x}:{port.st_ino}"
    for line in locks.splitlines():
        match line.split():  # such as 1: FLOCK ADVISORY WRITE 123 00:1b:12 0 EOF
            case [_, "FLOCK" | "POSIX", _, _, process, at, *_] if at == place:
                yield int(process)


def _openers(path: str) -> Iterator[int]:
    """Who has the file open, among the programs that are ours to look into."""
    port = os.path.realpath(path)
    for process in PROC.iterdir():
        if process.name.isdigit():
            try:
                if any(str(fd.readlink()) == port for fd in (process / "fd").iterdir()):
                    yield int(process.name)
            except OSError:
                continue  # gone meanwhile, or not ours


def _named(process: int) -> Holder:
    folder = PROC / str(process)
    program = _text(folder / "comm").strip() or "another program"
    command = _text(folder / "cmdline").split("\0")
    place = _text(folder / "cgroup")
    for words, name, try_ in KNOWN:
        if re.search(words, " ".join([program, *command])):
            return Holder(name, process, try_)
    if _RUNS_SCRIPTS.fullmatch(program):
        match command[1:]:
            case ["-m", script, *_] | [script, *_] if script and not script.startswith("-"):
                program = Path(script).name
    if unit := _UNIT.search(place):
        return Holder(program, process, f"sudo systemctl stop {unit[1]}")
    if container := _CONTAINER.search(place):
        return Holder(program, process, f"sudo docker stop {container[1]}")
    return Holder(program, process, f"stop it there; {FEEDS} as well")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""  # gone meanwhile, or not ours to look into
