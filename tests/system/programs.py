"""Start our programs as a service manager would, and end them by their process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_sim.premises import free_ports

READY_S_MAX = 30.0


def free_port() -> int:
    """A port of loopback that nobody listens on, nor is given who calls out meanwhile."""
    return free_ports(1)[0]


def meterkast(*args: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *(str(arg) for arg in args)],
        capture_output=True,
        text=True,
        timeout=60,
        input=stdin,
        check=False,
    )


def done(*args: object) -> str:
    """Run a command that must succeed; gives what it printed."""
    result = meterkast(*args)
    assert 0 == result.returncode, result.stderr
    return result.stdout


def kill(process: subprocess.Popen[bytes]) -> None:
    """As a power cut does."""
    process.kill()
    process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    """As a service manager does: asked first, and killed where that does not help."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        kill(process)


class Program:
    """One running program, which said READY."""

    def __init__(
        self, name: str, folder: Path, *args: object, env: dict[str, str] | None = None
    ) -> None:
        self.log = folder / f"{name}.log"
        self._args = [str(arg) for arg in args]
        self._env = env or {}
        self._folder = folder
        self.start()

    def start(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            address = f"\0meterkast-test-{os.getpid()}-{time.monotonic_ns()}"
            manager.bind(address)
            manager.settimeout(READY_S_MAX)
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "gateway", *self._args],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env={**os.environ, **self._env, "NOTIFY_SOCKET": f"@{address[1:]}"},
                )
            try:
                while b"READY=1" not in manager.recv(4096).splitlines():
                    pass
            except TimeoutError:
                self.end()
                pytest.fail(f"{self._args} never got ready:\n{self.log.read_text()}")

    def kill(self) -> None:
        """As a power cut does."""
        kill(self.process)

    def end(self) -> None:
        end(self.process)


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    """End these programs whatever happens, the last one first."""
    try:
        yield
    finally:
        for program in reversed(programs):
            program.end()


@contextmanager
def simulated(device: str, port: Path, *args: object) -> Iterator[Path]:
    """A simulated device at this port, as `meterkast sim` plays it."""
    command = [sys.executable, "-m", "gateway", "sim", device, "--port", str(port)]
    process = subprocess.Popen(
        [*command, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout
        assert f"{port}\n".encode() == process.stdout.readline(), "no such simulator"
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        process.stdout.close()


def until(what: str, is_so, *, seconds: float = 20.0) -> None:
    """Wait for something that must come about."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
