"""`meterkast install systemd`: the packages' units, for whoever installed with uv, pipx or pip.

The files are those of the packages, with the program of this environment in place of theirs. They
lie in `units`, which is deploy/systemd.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gateway.contract.errors import Problem, UsageError
from gateway.contract.writing import Planned, offer
from gateway.update.place import Place

UNITS = Path(__file__).with_name("units")
# What runs once it is there, and what else comes with it.
ENABLED = {
    "gateway": ("meterkast-gateway.service",),
    "bridge": ("meterkast-bridge.service", "meterkast-verify.timer", "meterkast-backup.timer"),
}
OTHERS = {
    "gateway": ("meterkast-gateway-trial.service",),
    "bridge": (
        "meterkast-backup.service",
        "meterkast-bridge-trial.service",
        "meterkast-broker.service",
        "meterkast-verify.service",
    ),
}
TRIAL = {part: f"meterkast-{part}-trial.service" for part in ENABLED}
# Services see nothing below these (ProtectHome=yes).
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
ELSEWHERE = (
    "sudo UV_TOOL_DIR=/opt/meterkast UV_TOOL_BIN_DIR=/usr/local/bin "
    "\"$(command -v uv)\" tool install --python /usr/bin/python3 '.[…]'"
)

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def systemd(
    part: Literal["gateway", "bridge"],
    /,
    *,
    yes: Annotated[bool, Parameter(negative="")] = False,
    as_json: AsJson = False,
) -> int:
    """Write the units of a service that runs this environment, its user and its folder.

    Parameters
    ----------
    part
        what shall run on this machine
    yes
        write without asking
    as_json
        which files would be written, as one JSON object; nothing is asked
    """
    place = Place.own()
    scripts = place.root / "current/bin" if place else Path(sysconfig.get_path("scripts"))
    program = scripts / "meterkast"
    _must_be_seen(program, Path(os.path.realpath(sys.executable)))
    return offer(planned(part, program), yes=yes, as_json=as_json, then=_then(part))


def planned(part: str, program: Path, *, root: Path = Path("/")) -> Iterator[Planned]:
    """The files of a service whose program lies elsewhere than that of the packages.

    Where it is one of several versions, as docs/updates.md says, a new one is watched over too.
    """
    name = f"meterkast-{part}"
    has_trials = program.parent.parent.name == "current"
    units = (*ENABLED[part], *(one for one in OTHERS[part] if has_trials or one != TRIAL[part]))
    places = {unit: f"etc/systemd/system/{unit}" for unit in units}
    places |= {
        f"{name}.sysusers": f"etc/sysusers.d/{name}.conf",
        f"{name}.tmpfiles": f"etc/tmpfiles.d/{name}.conf",
    }
    for source, place in places.items():
        yield Planned(root / place, _text(source, part, program))
    yield Planned(root / "usr/local/bin" / name, _text(f"{name}.sh", part, program), 0o755)


def _text(source: str, part: str, program: Path) -> str:
    text = (UNITS / source).read_text("utf-8")
    text = text.replace(f"/opt/meterkast-{part}/current/bin/meterkast", str(program))
    return text.replace(f"/opt/meterkast-{part}", str(program.parents[2]))


def _must_be_seen(*files: Path) -> None:
    """Raises UsageError where a service could not run what lies there."""
    for file in files:
        for home in HOMES:
            if file.is_relative_to(home):
                what = f"services may not look into {home}, and the program is there"
                raise UsageError(Problem(what, str(file), ELSEWHERE))


def _then(part: str) -> str:
    """What makes the files count, as commands to copy."""
    units = " ".join(ENABLED[part])
    return (
        "sudo systemd-sysusers && sudo systemd-tmpfiles --create && sudo systemctl daemon-reload "
        f"&& sudo systemctl enable --now {units}"
    )
