"""A day in which the gateways, the broker and the bridge are killed at random moments, three times
each: the books still equal the truth.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

# Not home-yusuf: a contact's pulses are gone while nobody counts, and no books can bring them back.
VICTIMS = ("broker", "bridge", "home-noor", "home-bram", "home-sanne", "point")
TIMES_EACH = 3
# The village stands still while a program restarts, so kills come one after another.
BETWEEN_S = (0.3, 2.5)


def running(folder: Path) -> dict[str, int]:
    """The process ids that the service manager last wrote down."""
    try:
        found: dict[str, int] = json.loads((folder / "processes.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def kill(name: str, folder: Path, dead: set[int], patience_s: float = 30.0) -> None:
    """End a program as a power cut does, once it runs (again)."""
    deadline = time.monotonic() + patience_s
    while (pid := running(folder).get(name)) is None or pid in dead:
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.02)
    dead.add(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "seed",
    [
        int(os.environ.get("METERKAST_SEED", "7")),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(101, 121)),
    ],
)
def test_a_day_with_eighteen_kills_ends_with_books_that_equal_the_truth(tmp_path, seed):
    print(f"replay with METERKAST_SEED={seed}")
    chance = random.Random(seed)
    order = [name for name in VICTIMS for _ in range(TIMES_EACH)]
    chance.shuffle(order)
    folder, dead = tmp_path / "street", set()
    day = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--once", "--seed", str(seed), "--json",
         "--dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "talk").open("wb"),
    )  # fmt: skip
    try:
        while "begins" not in (tmp_path / "talk").read_text():
            assert day.poll() is None, (tmp_path / "talk").read_text()
            time.sleep(0.1)
        for name in order:
            time.sleep(chance.uniform(*BETWEEN_S))
            kill(name, folder, dead)
        told, _ = day.communicate(timeout=300)
    finally:
        day.send_signal(signal.SIGTERM)
        day.wait(timeout=30)
        print((tmp_path / "talk").read_text()[-6000:])
    outcome = json.loads(told)
    assert outcome["difference"] is None
    assert outcome["agrees"] is True
    assert 0 == day.returncode
    assert 18 == len(dead)
    assert outcome["verify"]["verified"] is True
    assert 8 == len(outcome["bags"])
