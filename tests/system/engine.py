"""A server with Docker Engine on a network of its own, and other machines beside it.

A Debian in a folder, with its own processes, files and network, whose power can be cut. No registry
of images is reached from here, so one stands in it, and Docker takes from that what others would
get from the internet: images of Debian's own packages under the names of those they stand for.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.programs import kill

PACKAGES = (
    "docker.io,docker-cli,docker-compose,docker-buildx,docker-registry,tini,iptables,iproute2,"
    "ca-certificates,wget"
)
REGISTRY = "127.0.0.1:5000"
_SERVED = f"""\
version: 0.1
storage: {{ filesystem: {{ rootdirectory: /var/lib/docker-registry }} }}
http: {{ addr: "{REGISTRY}" }}
"""
_ENV = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")
# A chroot is not enough: into what is one, Docker starts nothing.
_BOOT = """\
set -eu
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir tmp/before
pivot_root . tmp/before
umount --lazy /tmp/before
docker-registry serve /etc/registry.yml &
exec tini -s -- dockerd --cgroup-parent "/$2"
"""
READY_S_MAX = 60.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def inside(space: str, *command: str) -> list[str]:
    """This command on the network of that machine."""
    return ["nsenter", f"--net=/run/netns/{space}", *command]


class Network:
    """A switch, and machines at it by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._machines: list[str] = []
        ip("link", "add", name, "type", "bridge")
        ip("link", "set", name, "up")

    def plug(self, machine: str, address: str) -> str:
        """A machine begins, with one cable; gives where its network is."""
        space = f"{self.name}-{machine}"
        ip("netns", "add", space)
        self._machines.append(machine)
        ip("link", "add", space, "master", self.name, "type", "veth",
           "peer", "name", "eth0", "netns", space)  # fmt: skip
        ip("link", "set", space, "up")
        ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")
        return space

    def unplug(self, machine: str) -> None:
        self._machines.remove(machine)
        ip("link", "del", f"{self.name}-{machine}")
        ip("netns", "del", f"{self.name}-{machine}")

    def close(self) -> None:
        for machine in tuple(self._machines):
            self.unplug(machine)
        ip("link", "del", self.name)


def _forget_groups(name: str) -> None:
    """A control group outlives whoever was in it."""
    groups = Path("/sys/fs/cgroup")
    for top in (groups / name, *groups.glob(f"*/{name}")):
        for folder, _, _ in os.walk(top, topdown=False):
            Path(folder).rmdir()


class Engine:
    """The server, in a folder where a Debian with these `PACKAGES` lies."""

    def __init__(self, root: Path, network: Network, address: str) -> None:
        self.root = root
        self._network, self._address = network, address
        (root / "etc/registry.yml").write_text(_SERVED)
        (root / "etc/docker").mkdir(exist_ok=True)
        mirror = json.dumps({"registry-mirrors": [f"http://{REGISTRY}"]})
        (root / "etc/docker/daemon.json").write_text(mirror)
        self._process: subprocess.Popen[bytes]

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.cut()
            _forget_groups(self._network.name)

    def start(self) -> None:
        """Switch it on."""
        space = self._network.plug("hub", self._address)
        own = ("--mount", "--pid", "--uts", "--ipc", "--propagation", "private")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                inside(space, "unshare", *own, "--fork", "--kill-child",
                       "sh", "-c", _BOOT, "sh", str(self.root), self._network.name),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until_s = time.monotonic() + READY_S_MAX
        while self.run("[ -e /etc/registry.yml ] && docker info").returncode != 0:
            assert time.monotonic() < until_s, self.log.read_text()[-3000:]
            time.sleep(0.5)

    def cut(self) -> None:
        """Its power is cut: everything that runs there ends at once."""
        first = self._first()
        kill(self._process)
        while Path(f"/proc/{first}").exists():
            time.sleep(0.05)
        self._network.unplug("hub")

    @property
    def log(self) -> Path:
        return self.root.with_suffix(".log")

    def _first(self) -> str:
        """The first process there, as seen from here."""
        us = self._process.pid
        return Path(f"/proc/{us}/task/{us}/children").read_text().strip()

    def run(self, script: str, *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A script there, in the folder of the hub once there is one."""
        enter = ["nsenter", "--target", self._first(), "--mount", "--pid", "--net", "--uts"]
        shell = ["env", "-i", *_ENV, "sh", "-euc", script]
        return subprocess.run(
            [*enter, "--ipc", *shell], input=stdin, capture_output=True, text=True, check=False
        )

    def say(self, script: str, *, stdin: str = "") -> str:
        """What a script says that must succeed."""
        done = self.run(script, stdin=stdin)
        assert 0 == done.returncode, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def publish(self, file: str, name: str, *changes: str) -> None:
        """Have an image of that tar file pulled by this name."""
        told = " ".join(f"--change '{change}'" for change in changes)
        here = f"{REGISTRY}/{name if '/' in name else f'library/{name}'}"
        self.say(f"docker import {told} {file} {here}")
        self.say(f"docker push --quiet {here} && docker rmi {here}")
