"""The watchdog is fed while every part turns round, and by nothing else."""

import asyncio
import contextlib
import os
import socket

import pytest

from gateway.contract import watchdog


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        pytest.param("60000000", "", 30.0, id="half of what is allowed"),
        pytest.param("900000000", "", 30.0, id="soon enough for a trial"),
        pytest.param("", "", None, id="nobody asks"),
        pytest.param("60000000", "1", None, id="another process is meant"),
        pytest.param("soon", "", None, id="no number"),
    ],
)
def test_the_interval_is_what_the_service_manager_asks_for(monkeypatch, usec, pid, expected):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert expected == watchdog.interval_s()


def test_our_own_process_id_is_meant(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert 0.5 == watchdog.interval_s()


@pytest.mark.parametrize(
    ("turned_s", "expected"),
    [
        pytest.param(100.0, [], id="just now"),
        pytest.param(60.0, [], id="just in time"),
        pytest.param(59.0, ["intake"], id="too long ago"),
        pytest.param(0.0, [], id="not begun"),
    ],
)
def test_a_part_is_stuck_once_it_has_not_turned_for_forty_seconds(turned_s, expected):
    assert expected == watchdog.stuck({"intake": lambda: turned_s}, 100.0)


def fed(monkeypatch: pytest.MonkeyPatch, ago_s: float) -> list[bytes]:
    """What the service manager is told while a part last turned so long ago."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await watchdog.run({"intake": lambda: loop.time() - ago_s}, 0.01)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0watchdog-{os.getpid()}")
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@watchdog-{os.getpid()}")
        monkeypatch.setattr(watchdog, "TURN_S_MAX", 0.5)
        asyncio.run(scenario())
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(manager.recv(100))
        return said


def test_a_gateway_that_works_feeds_the_watchdog(monkeypatch):
    assert {b"WATCHDOG=1"} == set(fed(monkeypatch, 0.1))


def test_a_gateway_with_a_stuck_part_feeds_nothing(monkeypatch):
    assert [] == fed(monkeypatch, 0.6)
