"""Debian for 64-bit ARM in a folder, run by qemu: the system of a Pi without its kernel."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.contract.errors import PeopleError, Problem
from tests import debians
from tests.debians import Suite

TOOLS = {
    "mmdebstrap": "mmdebstrap arch-test",
    "qemu-aarch64-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "unshare": "util-linux",
    "mosquitto": "mosquitto",
}
# What 64-bit Raspberry Pi OS has anyway, as far as the package asks for it.
PACKED = "python3,python3-venv,libstdc++6,systemd-standalone-sysusers,systemd-standalone-tmpfiles"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# Its mounts are in a namespace of its own, so they go with the process, however it ends.
ENTER = """\
mount -t proc proc "$0/proc"
[ -z "$1" ] || { touch "$0/dev/ttyAMA0"; mount --bind "$1" "$0/dev/ttyAMA0"; }
shift
exec chroot "$0" "$@"
"""


def must_be_able() -> None:
    """Raises PeopleError where this machine lacks what it takes."""
    if os.geteuid() != 0:
        what = "only root can make a system in a folder"
        raise PeopleError(Problem(what, f"user {os.geteuid()}", "sudo make pi"))
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        what = "some programs are not installed"
        try_ = f"apt-get install {' '.join(missing)}"
        raise PeopleError(Problem(what, ", ".join(missing), try_))


@contextmanager
def emulated() -> Iterator[None]:
    """The kernel hands programs of 64-bit ARM to qemu meanwhile; as it was before, afterwards."""
    is_mounted = (BINFMT / "status").exists()
    is_known = (BINFMT / "qemu-aarch64").exists()
    if not is_mounted:
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    try:
        if not is_known:
            subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], check=True)
        yield
    finally:
        if not is_known:
            subprocess.run(["update-binfmts", "--disable", "qemu-aarch64"], check=False)
        if not is_mounted:
            subprocess.run(["umount", BINFMT], check=False)


def archive(file: Path, suite: Suite) -> Path:
    """A fresh system for arm64 as a tar file, made where it is not there yet."""
    if not file.exists():
        part = file.with_suffix(".part.tar")
        debians.make("mmdebstrap", suite, part, PACKED, "--arch=arm64").replace(file)
    return file


class Root:
    """A system in a folder; `port` is what its serial port leads to, once there is one."""

    def __init__(self, folder: Path, tar: Path) -> None:
        self.folder = folder
        self.port = ""
        debians.unpack(tar, folder)

    def command(self, *words: str) -> list[str]:
        enter = ["unshare", "--mount", "sh", "-euc", ENTER, str(self.folder), self.port]
        return [*enter, *words]

    def say(self, script: str, *, codes: tuple[int, ...] = (0,), **env: str) -> str:
        """What a script prints in there. Raises PeopleError unless it ends with one of `codes`."""
        process = subprocess.Popen(
            self.command("/bin/sh", "-euc", f"cd /root\n{script}"),
            env=ENVIRONMENT | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            said, heard = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # and all that it has started
            raise
        if process.returncode not in codes:
            what = f"a command in the arm64 system ended with {process.returncode}"
            raise PeopleError(Problem(what, script, (said + heard)[-4000:]))
        return said.strip()

    def start(self, log: Path, *words: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A program that goes on running."""
        with log.open("ab") as out:
            return subprocess.Popen(
                self.command(*words),
                env=ENVIRONMENT | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
