"""`meterkast install udev`: names for adapters that nothing but their socket tells apart.

udev calls an adapter by what it says of itself, /dev/serial/by-id. Of several that say the same, or
all have the serial number of the example in the data sheet, that name leads to whichever was found
last. A rule gives each such socket a name of its own, /dev/meterkast/NAME.

Spec: udev(7); systemd rules.d/60-serial.rules (the names by-id and by-path); its database,
/run/udev/data/cMAJOR:MINOR.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from gateway.contract.errors import Problem, Unreachable
from gateway.contract.writing import Planned, offer
from gateway.lines.portnames import BY_ID, OWN

AsJson = Annotated[bool, Parameter(name="--json", negative="")]

RULES = "etc/udev/rules.d/99-meterkast.rules"
HEAD = """\
# Serial adapters that say the same of themselves, named by the socket that each is in.
# meterkast install udev adds to this file. A name may be changed, and stays.
"""
ADAPTERS = ("ttyUSB", "ttyACM")
# A fact in udev's database, and the sockets from the machine's own down to the last hub's in one,
# such as 1.3 in platform-3f980000.usb-usb-0:1.3:1.0.
_FACT = re.compile(r"^E:(\w+)=(.*)$", re.MULTILINE)
_SOCKETS = re.compile(r"usb-0:([\d.]+):")
_RULE = re.compile(
    r'ENV\{ID_PATH\}=="([^"]+)", (?:ATTRS\{port_number\}=="(\d+)", )?SYMLINK\+="meterkast/([^"]+)"'
)


class Socket(NamedTuple):
    """Where an adapter is plugged in, and which of its ports is meant where it has several."""

    path: str
    number: str

    @property
    def condition(self) -> str:
        number = f'ATTRS{{port_number}}=="{self.number}", ' if self.number else ""
        return f'SUBSYSTEM=="tty", ENV{{ID_PATH}}=="{self.path}", {number}'


class Adapter(NamedTuple):
    """A serial adapter as udev knows it: its port now, its link in by-id, and its socket."""

    port: str
    link: str
    socket: Socket


def udev(*, yes: Annotated[bool, Parameter(negative="")] = False, as_json: AsJson = False) -> int:
    """Give each of several adapters that say the same of themselves a name by its socket.

    Plug in all of them first.

    Parameters
    ----------
    yes
        write without asking
    as_json
        which file would be written, as one JSON object; nothing is asked
    """
    found = list(adapters())
    if not found:
        where, try_ = "/sys/class/tty", "plug all adapters in, and the same again"
        raise Unreachable(Problem("there is no serial adapter", where, try_))
    names = named(alike(found), existing())
    if not names:
        print(f"each of {len(found)} adapters has a name of its own in {BY_ID}")
        return 0
    then = "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=tty"
    code = offer([planned(names)], yes=yes, as_json=as_json, then=then)
    if code == 0 and not as_json:
        for adapter in found:
            if name := names.get(adapter.socket):
                print(f'{adapter.port}: port = "{OWN / name}"')
    return code


def adapters(root: Path = Path("/")) -> Iterator[Adapter]:
    """The USB serial adapters that are plugged in."""
    for device in sorted((root / "sys/class/tty").glob("tty*")):
        if device.name.startswith(ADAPTERS):
            number = _text(device / "device/port_number")
            place = root / "run/udev/data" / f"c{_text(device / 'dev')}"
            facts = dict(_FACT.findall(_text(place)))
            if facts.keys() >= {"ID_PATH", "ID_SERIAL", "ID_USB_INTERFACE_NUM"}:
                link = f"usb-{facts['ID_SERIAL']}-if{facts['ID_USB_INTERFACE_NUM']}"
                link += f"-port{number}" if number else ""
                yield Adapter(f"/dev/{device.name}", link, Socket(facts["ID_PATH"], number))


def alike(found: Iterable[Adapter]) -> list[Adapter]:
    """Those that udev gives the same name."""
    links = defaultdict(list)
    for adapter in found:
        links[adapter.link].append(adapter)
    return [adapter for same in links.values() if len(same) > 1 for adapter in same]


def existing(root: Path = Path("/")) -> dict[Socket, str]:
    """The names that the rules give now."""
    found = _RULE.findall(_text(root / RULES))
    return {Socket(path, number): name for path, number, name in found}


def named(same: Iterable[Adapter], names: Mapping[Socket, str]) -> dict[Socket, str]:
    """A name for each socket: what it has already, else what stands at the sockets of a hub."""
    made = dict(names)
    for socket in sorted(adapter.socket for adapter in same):
        if socket not in made:
            sockets = _SOCKETS.search(socket.path)
            name = f"usb-{sockets[1]}" if sockets else "usb"
            others = (f"{name}-{n}" for n in count(2))
            made[socket] = next(one for one in chain([name], others) if one not in made.values())
    return made


def planned(names: Mapping[Socket, str], root: Path = Path("/")) -> Planned:
    """The file of rules; what somebody else wrote into it stays at its end."""
    rules = [f'{socket.condition}SYMLINK+="meterkast/{names[socket]}"' for socket in sorted(names)]
    now = _text(root / RULES).splitlines()
    others = [line for line in now if line not in HEAD.splitlines() and not _RULE.search(line)]
    return Planned(root / RULES, HEAD + "\n".join([*rules, *others]) + "\n")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""
