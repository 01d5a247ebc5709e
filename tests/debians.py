"""The Debians that the packages are for: what fits them, and how a package is built in one.

A package fits one of them alone, for its libraries are for one Python. Raspberry Pi OS is one of
these, by number.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

HOUSE = Path(__file__).parents[1]
# What a system has for itself once packages came and went: caches, logs, who was there.
ITS_OWN = re.compile(
    r"^/(var/(cache|log|lib/(dpkg|apt|systemd))|run|proc|etc/(passwd|group|shadow|gshadow)-?$|etc/\.pwd)"
)
BOOT = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash -eux /root/script
StandardOutput=file:/root/said
StandardError=file:/root/heard
ExecStopPost=/bin/sh -c 'echo $EXIT_STATUS > /root/ended; systemctl poweroff --no-block'
[Install]
WantedBy=graphical.target
"""
TOLD = ("said", "heard", "ended")
# Each machine gets a group of processes of its own: its systemd makes groups for its services
# beneath, and two that share one take away each other's.
GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
GROUPED = f"""\
for top in {" ".join(GROUPS)}; do
    [ -e "$top/cgroup.procs" ] || continue
    mkdir "$top/machine-$$"
    echo $$ > "$top/machine-$$/cgroup.procs"
done
exec "$@"
"""
# What only builds: hatchling makes our own wheel.
BUILDER = "hatchling"


class Suite(NamedTuple):
    """`glibc` is the second number of its C library, by whose version wheels are named."""

    name: str
    number: int
    python: str
    glibc: int
    # lgpio has no wheel for Python 3.13: Raspberry Pi OS itself has it there.
    has_lgpio_wheel: bool


# Where the packages run, and where they are built.
PACKED = "python3,systemd-sysv,dbus,udev,ca-certificates"
BUILDING = "python3,python3-venv"

SUITES = {
    "bookworm": Suite("bookworm", 12, "3.11", 36, has_lgpio_wheel=True),
    "trixie": Suite("trixie", 13, "3.13", 41, has_lgpio_wheel=False),
}


def required(suite: Suite, *extras: str) -> list[str]:
    """What these parts of the product may import there, as pyproject.toml asks for it."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for extra in extras for one in optional[extra])]
    return [one for one in asked if suite.has_lgpio_wheel or not one.startswith("lgpio")]


def fits(suite: Suite, machine: str) -> list[str]:
    """The words with which pip looks for wheels that such a machine takes, and for nothing else."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(suite.glibc, 16, -1)]
    named = [word for one in platforms for word in ("--platform", one)]
    return [
        *("--only-binary", ":all:", *named, "--platform", f"manylinux2014_{machine}"),
        *("--python-version", suite.python, "--implementation", "cp", "-c", "constraints.txt"),
    ]


def fetch(folder: Path, suite: Suite, machine: str, *extras: str) -> None:
    """Everything that pip needs there to build a package with these parts."""
    command = [sys.executable, "-m", "pip", "download", "-qq", "--dest", folder]
    what = [BUILDER, *required(suite, *extras)]
    subprocess.run([*command, *fits(suite, machine), *what], cwd=HOUSE, check=True)


def source(folder: Path) -> None:
    """What is committed, without its history."""
    folder.mkdir()
    pack = ["git", "-C", HOUSE, "archive", "HEAD"]
    files = subprocess.run(pack, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-C", folder, "-x"], check=True, input=files)


class System:
    """A system in a folder, with packages in `/root/dist` where `make deb` leaves them."""

    def __init__(self, root: Path, *packages: Path) -> None:
        self.root = root
        # The pages say sudo.
        self.write("usr/local/bin/sudo", '#!/bin/sh\nexec env "$@"\n', mode=0o755)
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        (root / "root/dist").mkdir()
        for file in packages:
            shutil.copy(file, root / "root/dist")

    def write(self, name: str, text: str, *, mode: int = 0o644) -> None:
        (self.root / name).write_text(text)
        (self.root / name).chmod(mode)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A script in the system, which does not run: only its files are there."""
        own = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={self.root}/proc"]
        chroot = ["chroot", self.root, "/bin/bash", "-c", f"cd /root && {script}"]
        env = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        env["DEBIAN_FRONTEND"] = "noninteractive"
        return subprocess.run([*own, *chroot], capture_output=True, text=True, check=False, env=env)

    def say(self, script: str) -> str:
        """What a script says that must succeed."""
        done = self.run(f"set -e; {script}")
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout.strip()

    def boot(self, script: str, *room: str, seconds: int = 300) -> str:
        """What a script says that runs while systemd does, and then switches off.

        `room` is what nspawn gives it beside that; without, there is nothing but itself.
        """
        # One that does not end is told by how far it came.
        with suppress(subprocess.TimeoutExpired), self._booted(script, *room) as machine:
            machine.wait(seconds)
        told = self._told()
        assert "0\n" == told["ended"], told["said"] + told["heard"]
        return told["said"]

    def boot_and_cut(self, script: str, *room: str, sign: Path, seconds: int = 300) -> None:
        """Run a script while systemd does, and cut the power once there is the file `sign`."""
        with self._booted(script, *room) as machine:
            deadline_s = time.monotonic() + seconds
            while not sign.exists() and machine.poll() is None and time.monotonic() < deadline_s:
                time.sleep(0.1)
        told = self._told()
        assert sign.exists(), told["said"] + told["heard"]

    @contextmanager
    def _booted(self, script: str, *room: str) -> Iterator[subprocess.Popen[bytes]]:
        """The system boots, a script runs in it, and at the end whatever still does is killed."""
        none = subprocess.DEVNULL
        command = self._boots(script, *room)
        machine = subprocess.Popen(command, stdin=none, stdout=none, stderr=none)
        try:
            yield machine
        finally:
            kill(machine)

    def _boots(self, script: str, *room: str) -> list[str | Path]:
        """The command that boots this system, in which a script is to run."""
        for name in TOLD:
            (self.root / "root" / name).unlink(missing_ok=True)
        self.write("root/script", script)
        self.write("etc/systemd/system/script.service", BOOT)
        self.say("systemctl enable --quiet script")
        return nspawn(self.root, *room)

    def _told(self) -> dict[str, str]:
        """What the script said and how it ended, as far as it came."""
        files = {name: self.root / "root" / name for name in TOLD}
        return {name: file.read_text() if file.exists() else "" for name, file in files.items()}

    def files(self) -> set[str]:
        found = self.say("find / -xdev").splitlines()
        return {name for name in found if not ITS_OWN.match(name)}


def nspawn(root: Path, *room: str) -> list[str | Path]:
    """The command that boots the system in a folder."""
    own = ["--quiet", "--register=no", "--keep-unit", *(room or ("--private-network",))]
    # What nspawn itself would keep from all services.
    asked = ["--system-call-filter=adjtimex clock_adjtime"]
    boot = ["systemd-nspawn", *own, *asked, "--boot", f"--directory={root}"]
    return ["sh", "-c", GROUPED, "sh", *boot]


def kill(machine: subprocess.Popen[bytes]) -> None:
    """Whatever still runs in it ends at once, and its group goes."""
    if machine.poll() is None:
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children")
        for process in children.read_text().split():
            os.kill(int(process), signal.SIGKILL)
        machine.wait()
    for top in GROUPS:
        for folder, _, _ in os.walk(f"{top}/machine-{machine.pid}", topdown=False):
            Path(folder).rmdir()


def make(mmdebstrap: str, suite: Suite, file: Path, include: str, *more: str) -> Path:
    """A fresh system as a tar file."""
    command = [mmdebstrap, "--quiet", "--variant=minbase", f"--include={include}", *more]
    subprocess.run([*command, suite.name, str(file)], check=True)
    return file


def unpack(archive: Path, root: Path) -> Path:
    root.mkdir()
    subprocess.run(["tar", "-C", root, "--numeric-owner", "-xf", archive], check=True)
    return root
