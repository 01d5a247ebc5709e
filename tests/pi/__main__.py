"""`make pi`: from an empty folder to a credit minted on what a gateway on arm64 signed.

For each Debian: builds the package in a fresh one for arm64 with the recipe of `make deb`, installs
it in another one, and has it join a hub out here as the page for a household says. docs/arm64.md
is written from what was seen. Wants root and a quarter of an hour.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey
from tests import debians
from tests.debians import HOUSE, SUITES, Suite
from tests.pi import roots
from tests.pi.outside import SPEED, Hub, Meter
from tests.pi.roots import Root
from tests.system.programs import running, until

KEPT = HOUSE / ".pi"
REPORT = HOUSE / "docs/arm64.md"
PACKAGE = "meterkast-gateway"
STATE = f"var/lib/{PACKAGE}"
CLOCK = "run/village/clock"
# An emulated program is some thirty times slower to start than one of the machine's own.
PATIENCE_S = 300.0
LIBRARIES = "cryptography, fastcrc, gpiod, gpiozero, msgspec, pydantic_core"
PARTS = ("fast", "page", "pi")


class Seen(NamedTuple):
    """One step of the run: what it was, how long it took, and what was seen."""

    what: str
    seconds: float
    said: str


class Run:
    """Everything in order; each step is told as it ends."""

    def __init__(self, suite: Suite, work: Path, stack: ExitStack) -> None:
        self.suite = suite
        self.seen: list[Seen] = []
        self._work = work
        self._stack = stack
        self._since_s = time.monotonic()
        self._tar = KEPT / f"{suite.name}-arm64.tar"

    def tell(self, what: str, said: str = "") -> None:
        now_s = time.monotonic()
        self.seen.append(Seen(what, now_s - self._since_s, said.strip()))
        self._since_s = now_s
        print(f"{self.seen[-1].seconds:6.0f} s  {what}", file=sys.stderr, flush=True)

    def build(self) -> Path:
        """The package, built on arm64 of wheels that were fetched out here."""
        is_kept = self._tar.exists()
        roots.archive(self._tar, self.suite)
        whence = "kept from an earlier run" if is_kept else "by mmdebstrap"
        self.tell(f"a fresh Debian {self.suite.number} for arm64, {whence}")
        root = Root(self._work / "build", self._tar)
        machine = root.say("uname -m; python3 -c 'import sys; print(sys.version.split()[0])'")
        debians.fetch(root.folder / "wheels", self.suite, "aarch64", *PARTS)
        self.tell("wheels for arm64, by pip", machine)
        debians.source(root.folder / "source")
        recipe = "python3 /source/deploy/debian/build.py --out /out --wheels /wheels"
        name = Path(root.say(f"{recipe} {PACKAGE}")).name
        built = root.folder / "out" / name
        self.tell("the package, built in it by the recipe of make deb", _of(built))
        return built

    def install(self, package: Path) -> Root:
        """Another fresh system, with the package in it."""
        root = Root(self._work / "pi", self._tar)
        shutil.copy(package, root.folder / "root")
        root.say(f"dpkg -i ./{package.name}")
        said = root.say(f"uname -m; meterkast --version; id -nG {PACKAGE}")
        self.tell("installed in another fresh system", said)
        python = f"/opt/{PACKAGE}/current/bin/python"
        libraries = LIBRARIES + (", lgpio" if self.suite.has_lgpio_wheel else "")
        root.say(f"{python} -I -c 'import {libraries}'")
        self.tell("every compiled library loads", libraries)
        return root

    def credit(self, root: Root) -> None:
        """The way of the page for a household, to a credit."""
        clock = root.folder / CLOCK
        clock.parent.mkdir()
        os.environ["METERKAST_CLOCK"] = str(clock)
        meter = Meter(clock)
        self._stack.enter_context(running(meter))
        root.port = meter.port
        domain = {"METERKAST_CLOCK": f"/{CLOCK}"}
        found = root.say(f"{PACKAGE} discover --port /dev/ttyAMA0 --write 2>&1", **domain)
        self.tell("discover --write: the meter on the serial port", found)
        root.say(f"{PACKAGE} check", **domain)
        hub = Hub(self._work, str(shutil.which("mosquitto")), self._stack)
        self.tell("out here: a hub, a bridge, and Mosquitto with TLS 1.3 as it is shipped")
        words = self._join(root, hub, domain)
        hub.do("member", "add", "noor", "--name", "Noor de Vries")
        hub.do("device", "fit", "home-noor/meter", "--member", "noor")
        self.tell("enrol: keys made inside, admitted by four words", words)
        # What the unit starts, as its user and in its folder.
        user = ["setpriv", f"--reuid={PACKAGE}", f"--regid={PACKAGE}", "--init-groups"]
        program = [f"--chdir=/{STATE}", *user, f"/opt/{PACKAGE}/current/bin/meterkast"]
        unit = ["env", *program, "gateway"]
        log = self._work / "gateway.log"
        gateway = root.start(log, *unit, env=domain)
        self._stack.enter_context(running(_Ended(gateway)))
        told, begun_s = meter.telegrams, time.monotonic()
        try:
            until("a credit is minted", hub.minted_kwh, seconds=PATIENCE_S)
        except AssertionError as error:
            raise PeopleError(Problem(str(error), str(log), log.read_text()[-2000:])) from error
        minted = hub.minted_kwh()
        spent = _cpu_s(gateway.pid)
        self.tell(
            "the first credit",
            f"{minted} KWH to noor after {meter.telegrams - told} telegrams; the gateway used "
            f"{spent:.0f} s of processor time in {time.monotonic() - begun_s:.0f} s",
        )
        self._prove(root, hub, domain)

    def _join(self, root: Root, hub: Hub, domain: dict[str, str]) -> str:
        """The gateway asks, and a steward types the words that it shows."""
        invited = hub.ask("hub", "invite", "home-noor")
        command = invited["command"].removeprefix("sudo ")  # of which there is none in the root
        asking = subprocess.Popen(
            root.command("/bin/sh", "-euc", command),
            env=roots.ENVIRONMENT | domain,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert asking.stdin
        assert asking.stdout
        with asking:
            asking.stdin.write(f"{invited['code']}\n")
            asking.stdin.close()
            words = asking.stdout.readline().strip()
            until("the hub has the request", lambda: hub.has_request, seconds=60)
            hub.do("hub", "enrol", "home-noor", "--words", words)
            assert 0 == asking.wait(timeout=120)
        return words

    def _prove(self, root: Root, hub: Hub, domain: dict[str, str]) -> None:
        why = hub.do("ledger", "why", "1")
        self.tell("ledger why: from the credit back to the telegram", why)
        key = SigningKey.load(root.folder / STATE / "gateway.key").public.kid
        assert f"key {key}" in why, key
        self.tell("the key that signed it lies in the arm64 system, and nowhere else", key)
        verified = hub.do("verify")
        self.tell("verify: the books recomputed from the signed evidence", verified)
        doctor = root.say(f"{PACKAGE} doctor", codes=(0, 1), **domain)
        self.tell("doctor, beside the running gateway", doctor)


class _Ended:
    """A process that is ended as `running` ends programs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _of(file: Path) -> str:
    said = _said("dpkg-deb", "--field", file, "Package", "Version", "Architecture", "Pre-Depends")
    return f"{said}\n{file.name}, {file.stat().st_size / 1e6:.1f} MB"


def _said(*command: object) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def report(runs: list[Run]) -> str:
    """docs/arm64.md."""
    text = TEXT.format(
        commit=_said("git", "-C", HOUSE, "log", "-1", "--format=%h, %cs"),
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
        machine=f"{platform.machine()}, {os.cpu_count()} processors",
        qemu=_said("qemu-aarch64-static", "--version").splitlines()[0],
        speed=SPEED,
    )
    return text + "".join(_section(run) for run in runs)


def _section(run: Run) -> str:
    rows = "".join(f"| {one.what} | {one.seconds:.0f} s |\n" for one in run.seen)
    said = (f"\n**{one.what}**\n\n```text\n{one.said}\n```\n" for one in run.seen if one.said)
    return SECTION.format(
        number=run.suite.number,
        python=run.suite.python,
        total=sum(one.seconds for one in run.seen) / 60,
        rows=rows,
    ) + "".join(said)


TEXT = """\
# On arm64

`make pi` wrote this page. For each Debian that Raspberry Pi OS is made of, it builds the package on
64-bit ARM, installs it in a fresh system there, and goes the way of [the page for a
household](household.md) to a credit. The gateway, its keys and all that it signs are inside; the
meter, Mosquitto, the bridge and the books are outside. The processor is emulated: what is shown is
that everything fits and works, not how fast a Pi is. The kernel is that of the machine: nothing is
shown of pins, adapters and systemd ([what only hardware can
show](household.md#not-tried-on-hardware)). For Python 3.13 lgpio comes from Raspberry Pi OS, which
Debian is not, so it is not loaded there.

    sudo apt install mmdebstrap arch-test qemu-user-static binfmt-support mosquitto
    sudo make pi

| this run | |
|---|---|
| source | {commit} |
| machine | {system}, {machine} |
| emulation | {qemu} |
| the village's time | {speed} times as fast as ours, from 11:00 UTC on |
"""

SECTION = """
## Debian {number}, Python {python}

{total:.0f} minutes:

| step | took |
|---|---|
{rows}
What was seen:
"""


def _run(suite: Suite) -> Run:
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=KEPT)))
        work.chmod(0o755)
        run = Run(suite, work, stack)
        run.credit(run.install(run.build()))
    return run


def main() -> int:
    # Whoever ends it so has it cleaned up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        roots.must_be_able()
        KEPT.mkdir(exist_ok=True)
        with roots.emulated():
            runs = [_run(suite) for suite in SUITES.values()]
    except PeopleError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    REPORT.write_text(report(runs), "utf-8")
    print(f"the report: {REPORT}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
