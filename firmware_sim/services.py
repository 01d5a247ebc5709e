"""A small service manager: starts programs, knows when they are ready, brings dead ones back.

Spec: sd_notify(3), of which READY and STATUS are heard. Only processes started here are ended.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gateway.contract.errors import Problem, Unreachable

READY_S_MAX = 60.0
# A program that is told to stop writes what it has; then it is made to stop.
STOP_S_MAX = 10.0
# A program that dies at once, again and again, has a mistake that no restart mends.
RESTARTS_MAX = 20
RESTART_S = 0.3
LOG_TAIL_LINES = 12
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Program(NamedTuple):
    """What to run: `lines`, where given, gets each line of its stdout; else that is logged.

    One that does not come back ends everything when it dies: what it knew has gone with it.
    """

    name: str
    argv: tuple[str, ...]
    lines: Callable[[str], None] | None = None
    comes_back: bool = True


def _die_with_parent() -> None:
    """Nothing is left behind, even when whoever started it is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Service:
    """One program, through all its restarts."""

    def __init__(self, program: Program, *, folder: Path, environment: dict[str, str]) -> None:
        self.program = program
        self.status = ""
        self.restarts = 0
        self.process: asyncio.subprocess.Process | None = None
        self.log = folder / f"{program.name}.log"
        # An abstract address: a path in a deep folder would be too long for a socket.
        self._address = f"meterkast-{os.getpid()}-{program.name}"
        self._environment = environment | {"NOTIFY_SOCKET": f"@{self._address}"}
        self._ready = asyncio.Event()
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._ear.bind(f"\0{self._address}")
        asyncio.get_running_loop().add_reader(self._ear, self._hear)
        self._tasks: set[asyncio.Task[None]] = set()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for fact in self._ear.recv(65536).decode("utf-8", "replace").splitlines():
                name, _, value = fact.partition("=")
                if name == "READY":
                    self._ready.set()
                elif name == "STATUS":
                    self.status = value

    async def start(self) -> None:
        """Run it; back once it is ready. Raises Unreachable with the end of its log."""
        self._ready.clear()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.program.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if self.program.lines else log,
                stderr=log,
                env=self._environment,
                preexec_fn=_die_with_parent,
                # Ctrl-C is for whoever started this; it ends the others in its own order.
                start_new_session=True,
            )
        if self.program.lines:
            self._keep(asyncio.create_task(self._listen(self.process, self.program.lines)))

    async def until_ready(self) -> None:
        """Back once it is ready. Raises Unreachable with the end of its log."""
        assert self.process
        ready = asyncio.create_task(self._ready.wait())
        ended = asyncio.create_task(self.process.wait())
        await asyncio.wait({ready, ended}, timeout=READY_S_MAX, return_when="FIRST_COMPLETED")
        ready.cancel()
        ended.cancel()
        if not self._ready.is_set():
            code = self.process.returncode
            how = "is not ready" if code is None else f"ended with exit code {code}"
            raise Unreachable(
                Problem(f"{self.program.name} {how}:\n{self.tail()}", str(self.log), "read its log")
            )

    async def _listen(
        self, process: asyncio.subprocess.Process, lines: Callable[[str], None]
    ) -> None:
        assert process.stdout
        async for line in process.stdout:
            lines(line.decode("utf-8", "replace").rstrip("\n"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, word: str) -> None:
        """One line on its stdin; nothing where it has gone."""
        if self.process and self.process.stdin and self.process.returncode is None:
            self.process.stdin.write(f"{word}\n".encode())

    def tail(self) -> str:
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])

    async def stop(self) -> None:
        """End it, by its own process only: asked first, then made to."""
        process = self.process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S_MAX)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        asyncio.get_running_loop().remove_reader(self._ear)
        self._ear.close()


class Services:
    """All programs of the village. `changed(down)` is called with the names of those not ready."""

    def __init__(
        self, folder: Path, *, environment: dict[str, str], changed: Callable[[set[str]], None]
    ) -> None:
        self.all: dict[str, Service] = {}
        self._folder = folder
        self._logs = folder / "log"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._environment = environment
        self._changed = changed
        self.down: set[str] = set()
        self._watches: list[asyncio.Task[None]] = []

    async def start(self, *programs: Program) -> None:
        """Start them together; back once all are ready. Raises Unreachable."""
        started = [
            Service(program, folder=self._logs, environment=self._environment)
            for program in programs
        ]
        for service in started:
            self.all[service.program.name] = service
            await service.start()
        self._write_pids()
        for service in started:
            await service.until_ready()
            self._watches.append(asyncio.create_task(self._watch(service)))

    async def _watch(self, service: Service) -> None:
        """Bring it back whenever it dies. Raises Unreachable when that helps no more."""
        name = service.program.name
        while service.restarts < RESTARTS_MAX:
            assert service.process
            code = await service.process.wait()
            if not service.program.comes_back:
                what = f"{name} ended with exit code {code}:\n{service.tail()}"
                raise Unreachable(Problem(what, str(service.log), "begin anew"))
            self.down.add(name)
            self._changed(self.down)
            service.restarts += 1
            await asyncio.sleep(RESTART_S)
            await service.start()
            self._write_pids()
            with contextlib.suppress(Unreachable):
                await service.until_ready()
                self.down.discard(name)
                self._changed(self.down)
        what = f"{name} died {RESTARTS_MAX} times:\n{service.tail()}"
        raise Unreachable(Problem(what, str(service.log), "read its log"))

    def trouble(self) -> Unreachable | None:
        """Why a program cannot be brought back, if there is one."""
        for watch in self._watches:
            if watch.done() and not watch.cancelled():
                error = watch.exception()
                assert isinstance(error, Unreachable), error
                return error
        return None

    def _write_pids(self) -> None:
        pids = {name: service.process.pid for name, service in self.all.items() if service.process}
        beside = self._folder / "processes.json.new"
        beside.write_text(json.dumps(pids) + "\n", "ascii")
        beside.replace(self._folder / "processes.json")

    async def stop(self) -> None:
        """End everything, last started first."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for service in reversed(self.all.values()):
            await service.stop()
