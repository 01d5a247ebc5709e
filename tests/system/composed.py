"""In Docker's place: does by hand, on this machine, what a compose.yaml says of its services.

Each service gets a root of its own (this machine's, which it can only read), its folders, files,
secrets, environment and names, its user and no capability. Programs are this machine's in place of
the images'. All of it is in namespaces that end with this process:
`unshare --net --mount --propagation private`.

Spec: Compose specification, services; Docker's own defaults (ports below 1024 are for everybody,
tmpfs is noexec,nosuid,nodev)
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import yaml

from tests.system.programs import end

ROOT = Path(__file__).parents[2]
PATH = f"{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_DOCKERFILE = (ROOT / "deploy" / "compose" / "Dockerfile").read_text()
HEALTHY_S_MAX = 60.0

# What images bring that no compose.yaml says: their entrypoint, command, folder and environment.
_CADDY = ("caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile")
ENTRYPOINTS = {"meterkast": json.loads(re.search(r"^ENTRYPOINT (.+)$", _DOCKERFILE, re.M)[1])}
COMMANDS = {"caddy": _CADDY}
FOLDERS = {"meterkast": re.search(r"^WORKDIR (.+)$", _DOCKERFILE, re.M)[1]}
ENVIRONMENTS = {"caddy": {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config"}}


def done(*words: object, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    command = [str(word) for word in words]
    result = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    assert 0 == result.returncode, f"{command}: {result.stdout}{result.stderr}"
    return result


class Box:
    """One container: a root to read only, and what `said` of a service puts into it."""

    def __init__(
        self, room: Path, said: dict[str, Any], folder: Path, *, programs: dict[str, str]
    ) -> None:
        self.said = said
        self.image = re.sub(r"[:@].*", "", said["image"])
        self.root = room / "root"
        for part in ("upper", "work", "root"):
            (room / part).mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={room / 'upper'},workdir={room / 'work'}"
        done("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        for path in (*Path(sys.base_prefix).parents, *ROOT.parents):
            (self.root / str(path)[1:]).chmod(0o755)  # where Python is root's own, in here alone
        for path in ("/proc", "/dev", "/etc/hosts"):
            done("mount", "--rbind", path, self.root / path[1:])
        for name, text in programs.items():
            program = self.root / "usr/local/bin" / name
            program.write_text(text)
            program.chmod(0o755)
        for volume in said.get("volumes", ()):
            source, target, *how = volume.split(":")
            self._bind(folder / source, target, is_read_only=how == ["ro"])
        for name in said.get("secrets", ()):
            self._bind(folder / "secrets" / name, f"/run/secrets/{name}", is_read_only=True)
        for one in said["tmpfs"]:
            path, _, size = one.partition(":")
            (self.root / path[1:]).mkdir(parents=True, exist_ok=True)
            flags = f"mode=1777,noexec,nosuid,nodev,{size}"
            done("mount", "-t", "tmpfs", "tmpfs", "-o", flags, self.root / path[1:])
        house = self.root / str(ROOT)[1:]
        house.mkdir(parents=True, exist_ok=True)  # which may lie in a folder of tmpfs
        done("mount", "--rbind", ROOT, house)
        assert said["read_only"] is True
        done("mount", "-o", "remount,bind,ro", self.root)

    def _bind(self, source: Path, target: str, *, is_read_only: bool) -> None:
        assert source.exists(), f"Docker would make {source} a folder of root's"
        place = self.root / target[1:]
        if not place.is_dir():
            place.unlink(missing_ok=True)
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        done("mount", "--bind", source, place)
        if is_read_only:
            done("mount", "-o", "remount,bind,ro", place)

    def command(self, *words: str) -> list[str]:
        """These words in here, as the service's user."""
        user, group = self.said["user"].split(":")
        assert ["ALL"] == self.said["cap_drop"]
        bounds = ",".join(["-all", *(f"+{cap.lower()}" for cap in self.said.get("cap_add", ()))])
        told = {
            "HOME": "/",  # of a user whom no image knows
            **ENVIRONMENTS.get(self.image, {}),
            **self.said.get("environment", {}),
        }
        return [
            *("chroot", str(self.root), "setpriv", f"--reuid={user}", f"--regid={group}"),
            *("--clear-groups", "--inh-caps=-all", f"--bounding-set={bounds}", "--no-new-privs"),
            *("env", "-i", "-C", FOLDERS.get(self.image, "/"), f"PATH={PATH}", "LANG=C.UTF-8"),
            *(f"{name}={value}" for name, value in told.items()),
            *words,
        ]

    def main(self, *words: str) -> list[str]:
        """What the container runs; its own command, or these words in its place."""
        entrypoint = self.said.get("entrypoint") or ENTRYPOINTS.get(self.image, [])
        told = words or self.said.get("command") or COMMANDS.get(self.image, ())
        return self.command(*entrypoint, *told)


class Composed:
    """The services of a folder's compose.yaml. What has no program here is in `elsewhere`."""

    def __init__(
        self,
        folder: Path,
        room: Path,
        *,
        programs: dict[str, dict[str, str]],
        elsewhere: tuple[str, ...],
    ) -> None:
        text = re.sub(r"\$\{([A-Z]+)_IMAGE:[^}]*\}", lambda found: found[1].lower(),
                      (folder / "compose.yaml").read_text())  # fmt: skip
        self._said = yaml.safe_load(text)["services"]
        self._folder, self._room = folder, room
        self._programs, self._elsewhere = programs, elsewhere
        self._boxes: dict[str, Box] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        hosts = ["127.0.0.1 localhost"]
        for name, one in self._said.items():
            networks = one.get("networks", {})
            inside = networks.get("inside", {})
            address = inside.get("ipv4_address", "127.0.0.1")
            if address != "127.0.0.1":
                done("ip", "address", "add", f"{address}/32", "dev", "lo")
            hosts.append(" ".join([address, name, *inside.get("aliases", ())]))
        names = self._room / "hosts"
        names.write_text("\n".join(hosts) + "\n")
        done("mount", "--bind", names, "/etc/hosts")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for name, process in reversed(self.running.items()):
            _end(process)
            if kind:
                print(name, process.returncode, self.log(name).read_text()[-1000:], file=sys.stderr)

    def box(self, name: str) -> Box:
        """The container of a service, which is made when it is first asked for."""
        if name not in self._boxes:
            room = self._room / name
            programs = self._programs.get(name, {})
            self._boxes[name] = Box(room, self._said[name], self._folder, programs=programs)
        return self._boxes[name]

    def run(self, name: str, *words: str, stdin: str = "") -> str:
        """docker compose run --rm NAME WORDS"""
        return done(*self.box(name).main(*words), input=stdin).stdout

    def exec(self, name: str, *words: str) -> str:
        """docker compose exec NAME WORDS"""
        return done(*self.box(name).command(*words)).stdout

    def up(self, *names: str) -> None:
        """docker compose up -d NAMES"""
        wanted = names or [name for name, one in self._said.items() if "profiles" not in one]
        for name in wanted:
            if name in self.running or name in self._elsewhere:
                continue
            with self.log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(
                    self.box(name).main(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip

    def down(self) -> None:
        """docker compose down: what is not in a folder is gone."""
        for process in reversed(self.running.values()):
            _end(process)
        for box in self._boxes.values():
            done("umount", "--recursive", "--lazy", box.root)
        self.running, self._boxes = {}, {}
        self._room = Path(tempfile.mkdtemp(dir=self._room))

    def log(self, name: str) -> Path:
        return self._room / f"{name}.log"

    def healthy(self, *names: str) -> list[str]:
        """Which of these pass their own health check within a minute, as `docker compose ps`."""
        until_s = time.monotonic() + HEALTHY_S_MAX
        found = []
        for name in names:
            kind, *check = self._said[name]["healthcheck"]["test"]
            assert kind == "CMD"
            while time.monotonic() < until_s:
                command = self.box(name).command(*check)
                if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                    found.append(name)
                    break
                time.sleep(0.2)
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """With the first process of a container go those that it started."""
    end(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def begin() -> None:
    """A network of its own, where ports are as in a container."""
    done("ip", "link", "set", "lo", "up")
    done("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0")
    assert 0 == os.geteuid()
