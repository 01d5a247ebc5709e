"""A hub, a gateway and a meter in one Debian that runs, whose power can really be cut.

The meter's clock runs 240 times too fast, so that records come every few seconds. What watches over
the trial of an update is the program before, which here wants to see a new one run for less than
two minutes.
"""

import fcntl
import json
import os
import struct
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import debians
from tests.debians import System
from tests.system import test_packages as packaged
from tests.system.test_packages import BRIDGE, GATEWAY

GOOD_S = 20
DISK_BYTES = 3_000_000_000
# What the file system does at once, and without what it meant to write: linux/fs.h, xfs_fs.h.
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
FASTER = """\
[Service]
TimeoutStartSec=15
WatchdogSec=8
TimeoutAbortSec=1
TimeoutStopSec=3
"""
METER = """\
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from firmware_sim.devices.p1 import Meter, Shown, telegram

file = Path("/root/began")
if not file.exists():
    file.write_text(str(time.time()))
began_s = float(file.read_text())


class Dongle(BaseHTTPRequestHandler):
    def do_GET(self):
        ran_s = round((time.time() - began_s) * 240)
        at_ms = (int(began_s) - 40 * 86_400 + ran_s) * 1000
        said = Shown(at_ms, ran_s, 2_399, ran_s // 7, 0, 2, 0, 1_250, ())
        body = telegram(Meter("E0003110"), said)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 9001), Dongle).serve_forever()
"""
STREET = r"""
set -e
dpkg --install @files@
meterkast-bridge hub init . --community zonstraat > told
systemctl enable --quiet --now meterkast-broker
systemctl start meterkast-bridge
cp -a /opt/meterkast-bridge/current/ /root/sim
cat > /etc/systemd/system/meter.service <<END
[Service]
ExecStart=/root/sim/bin/python -I /root/meter.py
[Install]
WantedBy=multi-user.target
END
systemctl enable --quiet --now meter
cat > /var/lib/meterkast-gateway/gateway.toml <<END
gateway = "home-noor"
community = "zonstraat"
broker = "mqtt://localhost:1883"
bridge_key = "$(sed -n 's/.*bridge_key = "\(.*\)"/\1/p' told)"
page = "127.0.0.1:7081"
health = "127.0.0.1:7082"
samples_shared_since = 2026-01-01
[device.hall]
driver = "p1"
port = "http://127.0.0.1:9001/api/v1/telegram"
END
x=$(meterkast-gateway enrol)
meterkast-bridge hub admit home-noor=$x
systemctl start meterkast-gateway
"""
# What the hub has of each chain, and whether a number is missing.
CHAINS = """\
import json, sqlite3
books = sqlite3.connect("file:/var/lib/meterkast-bridge/books.db?mode=ro", uri=True)
books.execute("BEGIN")
has = "SELECT count(*), max(seq) FROM record WHERE chain = ?"
print(json.dumps([
    [chain.partition("-")[0], up_to, held, *books.execute(has, [chain]).fetchone()]
    for chain, up_to, held in books.execute("SELECT chain, up_to, held FROM chain")
]))
"""


def until(what: str, is_so: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that must come about."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Machine(System):
    """A Debian that runs, on a disk of its own, in which commands are said; its power can go."""

    def __init__(self, folder: Path, archive: Path, *packages: Path) -> None:
        self._disk, root = folder / "disk", folder / "root"
        with self._disk.open("wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", self._disk], check=True)
        root.mkdir()
        self._mount(root)
        subprocess.run(["tar", "-C", root, "--numeric-owner", "-xf", archive], check=True)
        super().__init__(root, *packages)
        self._nspawn: subprocess.Popen[bytes] | None = None

    def _mount(self, root: Path) -> None:
        subprocess.run(["mount", "-o", "loop", self._disk, root], check=True)

    def on(self) -> None:
        none = subprocess.DEVNULL
        boot = debians.nspawn(self.root)
        self._nspawn = subprocess.Popen(boot, stdin=none, stdout=none, stderr=none)
        until("it has an init", lambda: self._init)
        until("it has started", lambda: self.tells("[ -S /run/systemd/private ]"))
        self.tell("systemctl is-system-running --wait", 0, 1)

    @property
    def _init(self) -> str:
        assert self._nspawn
        pid = self._nspawn.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().strip()

    def off(self) -> None:
        assert self._nspawn
        self.tell("systemctl poweroff")
        self._nspawn.wait()
        debians.kill(self._nspawn)

    def cut(self) -> None:
        """The power goes: what the disk has not got yet is lost."""
        root = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(root, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(root)
        self.close()
        # Whoever made a mount namespace meanwhile still has the old one.
        subprocess.run(
            ["cp", "--sparse=always", self._disk, self._disk.with_suffix(".cut")], check=True
        )
        self._disk.with_suffix(".cut").replace(self._disk)
        self._mount(self.root)

    def close(self) -> None:
        if self._nspawn:
            debians.kill(self._nspawn)
        subprocess.run(["umount", "--lazy", self.root], check=True)

    def asked(self, script: str) -> subprocess.CompletedProcess[str]:
        """A script in it, as root at a terminal."""
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        enter = ["nsenter", f"--target={self._init}", *spaces, "/bin/bash", "-c"]
        env = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return subprocess.run(
            [*enter, f"cd /root; {script}"],
            check=False,
            capture_output=True,
            text=True,
            env=env,
            stdin=subprocess.DEVNULL,
        )

    def begin(self, script: str) -> None:
        """A script that goes on meanwhile."""
        self.tell(f"systemd-run --quiet bash -c 'cd /root; {script}'")

    def tells(self, script: str) -> bool:
        """Whether it ends well."""
        return self.asked(script).returncode == 0

    def tell(self, script: str, *codes: int) -> str:
        """What a script says that ends with one of these codes; 0 where none is named."""
        done = self.asked(script)
        assert done.returncode in (codes or (0,)), done.stdout + done.stderr
        return (done.stdout + done.stderr).strip()


class Street(Machine):
    """The hub, the gateway and the meter of the page, whose programs are of these packages."""

    def __init__(self, folder: Path, archive: Path, packages: dict[str, Path]) -> None:
        super().__init__(folder, archive, *packages.values())
        self._number = 1
        self.write("root/meter.py", METER)
        self.write("root/chains.py", CHAINS)
        for name in packages:
            drop = f"etc/systemd/system/{name}.service.d"
            (self.root / drop).mkdir(parents=True)
            self.write(f"{drop}/faster.conf", FASTER)

    def open(self) -> None:
        """What a person does on the first day."""
        files = " ".join(self.package(name) for name in (GATEWAY, BRIDGE))
        self.on()
        self.tell(STREET.replace("@files@", files))
        until("both chains begin", lambda: len(self.chains()) == 2)

    def package(self, name: str, broken: Mapping[str, str] | None = None) -> str:
        """The next version of a package, with so much more in its files of these names."""
        self._number += 1
        more = {"gateway/update/trial.py": f"GOOD_S = {GOOD_S}.0\n", **(broken or {})}
        steps = []
        for number, (file, text) in enumerate(more.items()):
            self.write(f"root/more{number}", text)
            folder, _, module = file.removesuffix(".py").rpartition("/")
            compiled = f"{folder}/__pycache__/{module}.*"
            steps.append(f"cat /root/more{number} >> {file} && rm -f {compiled}")
        edit = f"(cd opt/*/dist/lib/*/site-packages && {' && '.join(steps)})"
        return packaged.again(self, name, f"0.1.0-{self._number}", edit=edit)

    def runs(self, name: str = GATEWAY) -> str:
        return self.tell(f"readlink /opt/{name}/current").removeprefix("versions/")

    def has(self, name: str, text: str) -> bool:
        """Whether its disk has this folder, or this file or link with such a text."""
        path = self.root / name
        if path.is_symlink():
            return text in str(path.readlink())
        return path.is_dir() or (path.exists() and text in path.read_text())

    def chains(self) -> list[tuple[str, int]]:
        """(kind, how far) of the chains at the hub, of which no number may be missing."""
        chains = json.loads(self.tell("/root/sim/bin/python -I chains.py"))
        for _, up_to, held, count, last in chains:
            assert ("", up_to, up_to) == (held, count, last)
        return [(kind, up_to) for kind, up_to, *_ in chains]

    def goes_on(self) -> None:
        """Readings come to the hub, in the two chains of the first day."""
        until("the services run", lambda: self.tells(f"systemctl is-active {GATEWAY} {BRIDGE}"), 60)
        before = sum(up_to for _, up_to in self.chains())
        until("readings come", lambda: sum(up_to for _, up_to in self.chains()) > before + 1, 90)
        assert ["evidence", "samples"] == [kind for kind, _ in self.chains()]
