"""Build the Debian packages for the machine this runs on: `make deb`, or `build.py --help`.

Each package has a virtual environment of its own in /opt/PACKAGE/dist; how that becomes the version
that runs is told in docs/decisions/070. Needs python3-venv and dpkg. pip fetches what
constraints.txt names, or takes all of it from --wheels.
"""

import argparse
import email.utils
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SYSTEMD, UDEV = ROOT / "deploy/systemd", ROOT / "deploy/udev"

# What a wheel for Linux may ask of the machine (PEP 600), and what makes users and folders.
DEPENDS = (
    "libc6 (>= 2.34)",
    "libgcc-s1",
    "libstdc++6",
    "systemd | systemd-standalone-sysusers",
    "systemd | systemd-standalone-tmpfiles",
)
# The one library whose wheel may be missing: then it is the distribution's own.
LGPIO = "lgpio"
DIST_PACKAGES = Path("/usr/lib/python3/dist-packages")
# Programs in the environment that somebody calls.
PROGRAMS = {"nats-server"}


class Package(NamedTuple):
    """What one package is made of. `units` run once it is installed, `other_units` when asked."""

    name: str
    extras: tuple[str, ...]
    units: tuple[str, ...]
    other_units: tuple[str, ...]
    users: tuple[str, ...]
    rules: str
    # Where several are installed, `meterkast` is the command of the one with the greatest.
    priority: int
    description: str


PACKAGES = {
    "meterkast-gateway": Package(
        "meterkast-gateway",
        extras=("fast", "page", "pi"),
        units=("meterkast-gateway.service",),
        other_units=("meterkast-gateway-trial.service",),
        users=("meterkast-gateway",),
        rules="60-meterkast.rules",
        priority=50,
        description="""reads the meters of a house or a recycling point
 It reads smart meters, other meters and scales on serial lines, pins and the
 network, keeps what they say through power cuts, shows it on a page, and
 sends signed records to the bridge of a community, where there is one.""",
    ),
    "meterkast-bridge": Package(
        "meterkast-bridge",
        extras=("bridge", "embedded", "fast", "grafana", "page"),
        units=("meterkast-bridge.service", "meterkast-verify.timer", "meterkast-backup.timer"),
        other_units=(
            "meterkast-backup.service",
            "meterkast-bridge-trial.service",
            "meterkast-broker.service",
            "meterkast-verify.service",
        ),
        users=("meterkast-bridge", "meterkast-broker"),
        rules="",
        priority=60,
        description="""keeps the books of a community that measures
 It takes the signed records of gateways, applies the rules that the community
 published, and keeps double-entry books that everyone can check. An MQTT
 broker for one machine comes with it.""",
    ),
}

# The completion of the commands that this environment can run.
COMPLETION = """\
import cyclopts
from gateway import cli
for name, target in list(cli.COMMANDS.items()):
    trial = cyclopts.App(name="meterkast")
    trial.command(target, name=name)
    try:
        trial.generate_completion(shell="bash")
    except ImportError:
        del cli.COMMANDS[name]
print(cli.build().generate_completion(shell="bash"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the Debian packages of meterkast.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where they are put")
    parser.add_argument("--wheels", type=Path, help="take wheels from there, and fetch nothing")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="all where none is named")
    given = parser.parse_args()
    if unknown := set(given.packages) - PACKAGES.keys():
        parser.error(f"{', '.join(unknown)}: there are {', '.join(PACKAGES)}")
    os.umask(0o022)
    for name in given.packages or PACKAGES:
        print(Builder(PACKAGES[name], given.out.resolve(), given.wheels).build())


class Builder:
    """One package on its way from the source to a file."""

    def __init__(self, package: Package, out: Path, wheels: Path | None) -> None:
        self.package = package
        self.out = out
        self.wheels = wheels.resolve() if wheels else None
        self.version, self.date = _changed()
        self.work = out / f".{package.name}"
        self.tree = self.work / "tree"
        self.env = self.tree / "opt" / package.name / "dist"
        # Its wheels fit this Python and no other, so this is the one that it asks for.
        self.python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.depends = [self.python, *DEPENDS]
        self.recommends = ["ca-certificates"]

    def build(self) -> Path:
        shutil.rmtree(self.work, ignore_errors=True)
        self.tree.mkdir(parents=True)
        self._environment()
        self._files()
        arch = _said("dpkg", "--print-architecture")
        self._control(arch)
        file = self.out / f"{self.package.name}_{self.version}_{arch}.deb"
        # dpkg-deb gives every file the time of the change log: the same source, the same package.
        times = {**os.environ, "SOURCE_DATE_EPOCH": str(self.date)}
        # A sixth larger than xz can make it, in an eighth of the time: on a Pi that is minutes.
        pack = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", self.tree, file]
        subprocess.run(pack, check=True, env=times, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.work)
        return file

    def _environment(self) -> None:
        python = f"/usr/bin/{self.python}"
        tools = self.work / "tools"
        _run(python, "-m", "venv", tools)
        _run(python, "-m", "venv", "--without-pip", self.env)
        own = self.work / "wheels"
        self._pip(tools, "wheel", "--no-deps", "--wheel-dir", own, ROOT)
        wanted = self._wanted(tools)
        # By name, not by path: an environment must not tell where it was built.
        chosen = ["--find-links", own, "--constraint", ROOT / "constraints.txt"]
        only = ["--only-binary", ":all:", "--no-compile"]
        self._pip(tools, "install", *chosen, *only, *wanted, into=self.env)
        self._trim()
        packages = self.env / "lib"
        # Anew also what it compiled itself as it started, or that is written again where it runs.
        settled = ["-f", "--invalidation-mode", "unchecked-hash", "-s", self.tree, "-p", "/"]
        _run(self.env / "bin/python", "-m", "compileall", "-q", *settled, packages)

    def _wanted(self, tools: Path) -> list[str]:
        """What is installed; without lgpio where this Python has no wheel of it."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert project["version"] == self.version.partition("-")[0], "the change log is behind"
        if "pi" not in self.package.extras or self._has_wheel(tools, LGPIO):
            return [f"meterkast[{','.join(self.package.extras)}]=={project['version']}"]
        self._borrow()
        extras = [extra for extra in self.package.extras if extra != "pi"]
        others = [one for one in project["optional-dependencies"]["pi"] if LGPIO not in one]
        return [f"meterkast[{','.join(extras)}]=={project['version']}", *others]

    def _has_wheel(self, tools: Path, name: str) -> bool:
        pins = (ROOT / "constraints.txt").read_text().splitlines()
        pin = next(one for one in pins if one.startswith(f"{name}=="))
        only = ["--no-deps", "--only-binary", ":all:", "--dest", self.work / "trial"]
        try:
            self._pip(tools, "download", "-q", *only, pin)  # which is no error
        except subprocess.CalledProcessError:
            return False
        return True

    def _borrow(self) -> None:
        """The distribution's lgpio, by links to its two files. Only Raspberry Pi OS has it."""
        tag = _said(
            f"/usr/bin/{self.python}",
            "-c",
            "from sysconfig import *; print(get_config_var('SOABI'))",
        )
        packages = self.env / "lib" / self.python / "site-packages"
        for file in ("lgpio.py", f"_lgpio.{tag}.so"):
            (packages / file).symlink_to(DIST_PACKAGES / file)
        self.recommends.append("python3-lgpio")

    def _pip(self, tools: Path, command: str, *words: object, into: Path | None = None) -> None:
        local = ["--no-index", "--find-links", self.wheels] if self.wheels else []
        where = ["--python", into / "bin/python"] if into else []
        pip = [tools / "bin/python", "-m", "pip", "--disable-pip-version-check", "-qq", *where]
        _run(*pip, command, *local, *words)

    def _trim(self) -> None:
        """Leave what runs, from wherever it lies."""
        for file in (self.env / "bin").iterdir():
            if not file.name.startswith("python") and file.name not in PROGRAMS:
                file.unlink()
        # Their sums hold the place where they were made, and they are gone.
        for record in self.env.glob("lib/*/site-packages/*.dist-info/RECORD"):
            lines = record.read_text("utf-8").splitlines(keepends=True)
            record.write_text("".join(one for one in lines if not one.startswith("../../../bin/")))
        (self.env / ".gitignore").unlink(missing_ok=True)  # since Python 3.13
        shutil.copyfile(HERE / "meterkast", self.env / "bin/meterkast")
        (self.env / "bin/meterkast").chmod(0o755)
        shutil.rmtree(self.env / "include")
        settings = self.env / "pyvenv.cfg"
        told = [line for line in settings.read_text().splitlines() if "command" not in line]
        settings.write_text("\n".join(told) + "\n")

    def _files(self) -> None:
        name = self.package.name
        for unit in (*self.package.units, *self.package.other_units):
            self._put(SYSTEMD / unit, f"usr/lib/systemd/system/{unit}")
        self._put(SYSTEMD / f"{name}.sysusers", f"usr/lib/sysusers.d/{name}.conf")
        self._put(SYSTEMD / f"{name}.tmpfiles", f"usr/lib/tmpfiles.d/{name}.conf")
        self._put(SYSTEMD / f"{name}.sh", f"usr/bin/{name}", mode=0o755)
        if rules := self.package.rules:
            self._put(UDEV / rules, f"usr/lib/udev/rules.d/{rules}")
        self._put(HERE / "overrides", f"usr/share/lintian/overrides/{name}")
        share = self.tree / "usr/share"
        completion = share / "bash-completion/completions" / name
        completion.parent.mkdir(parents=True)
        said = _said(self.env / "bin/python", "-I", "-c", COMPLETION)
        completion.write_text(f"{said}\ncomplete -F _meterkast {name}\n")
        self._zip(self._filled("meterkast.1"), f"man/man1/{name}.1.gz")
        self._zip((HERE / "changelog").read_text(), f"doc/{name}/changelog.Debian.gz")
        self._zip((ROOT / "CHANGELOG.md").read_text(), f"doc/{name}/changelog.gz")
        (share / "doc" / name / "copyright").write_text(self._copyright())

    def _put(self, source: Path, place: str, *, mode: int = 0o644) -> None:
        target = self.tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self._fill(source.read_text()))
        target.chmod(mode)

    def _zip(self, text: str, place: str) -> None:
        target = self.tree / "usr/share" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(text.encode(), mtime=0))

    def _filled(self, name: str) -> str:
        return self._fill((HERE / name).read_text())

    def _fill(self, text: str) -> str:
        package = self.package
        said = {
            "package": package.name,
            "version": self.version,
            "units": " ".join(package.units),
            "other_units": " ".join(package.other_units),
            "users": " ".join(package.users),
            "priority": str(package.priority),
            "description": package.description,
            "date": datetime.fromtimestamp(self.date, UTC).date().isoformat(),
        }
        return re.sub(r"@(\w+)@", lambda match: said.get(match[1], match[0]), text)

    def _copyright(self) -> str:
        """Ours, and a line for each library with the licence that it says it has."""
        lines = []
        for file in self.env.glob("lib/*/site-packages/*.dist-info/METADATA"):
            told = HeaderParser().parsestr(file.read_text("utf-8"))
            kinds = [one for one in told.get_all("Classifier", []) if one.startswith("License ::")]
            licence = told["License-Expression"] or told["License"] or ", ".join(kinds)
            lines.append(f" {told['Name']} {told['Version']}: {licence.splitlines()[0]}\n")
        return self._filled("copyright") + "".join(sorted(lines, key=str.lower))

    def _control(self, arch: str) -> None:
        control = self.tree / "DEBIAN"
        control.mkdir()
        files = sorted(file for file in self.tree.rglob("*") if _is_packed(file, control))
        sums = ""
        for file in files:
            digest = hashlib.file_digest(file.open("rb"), "md5").hexdigest()
            sums += f"{digest}  {file.relative_to(self.tree)}\n"
        (control / "md5sums").write_text(sums)
        size = sum(-(-file.stat().st_size // 1024) for file in files)
        facts = {
            "Architecture": arch,
            "Installed-Size": str(size),
            # Not only Depends: dpkg would unpack it first, and leave it unconfigured.
            "Pre-Depends": ", ".join(self.depends),
            "Recommends": ", ".join(self.recommends),
        }
        told = "".join(f"{name}: {fact}\n" for name, fact in facts.items())
        (control / "control").write_text(self._filled("control") + told)
        for script in ("preinst", "postinst", "prerm", "postrm"):
            text = self._filled(script).replace("@size_kib@", str(size))
            (control / script).write_text(text)
            (control / script).chmod(0o755)


def _is_packed(file: Path, control: Path) -> bool:
    return file.is_file() and not file.is_symlink() and control not in file.parents


def _changed() -> tuple[str, int]:
    """Version and time of the newest entry in the change log."""
    text = (HERE / "changelog").read_text()
    version, date = re.search(r"\((.+?)\)", text), re.search(r"^ -- .*>  (.+)$", text, re.MULTILINE)
    assert version
    assert date
    return version[1], int(email.utils.parsedate_to_datetime(date[1]).timestamp())


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)


def _said(*command: object) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
