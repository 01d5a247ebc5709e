"""A recycling point that is killed keeps what its screen called kept, once, and no more."""

import random
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from gateway.contract.record import CORRECTION, DEPOSIT
from gateway.kiosk.records import Fields
from tests.kiosk import Bench

LIVES = 3

# Deposits, some taken back at once, some corrected, containers emptied; says what the screen says.
DEPOSITORS = """
import random
import sys
from pathlib import Path

from gateway.kiosk.events import Undo
from tests.kiosk import PIN, Bench

chance = random.Random(sys.argv[2])
bench = Bench(Path(sys.argv[1]))
bench.point.sign_in(PIN)
while True:
    deposit = bench.deposit(50_000 * chance.randrange(2, 400))
    print("kept", deposit, flush=True)
    act = chance.randrange(5)
    if act == 0:
        bench.act(Undo())
        print("back", bench.point.view().slip.deposit, flush=True)
    elif act == 1:
        bench.point.correct(deposit, fraction="paper", reason="paper")
        print("paper", deposit, flush=True)
    elif act == 2:
        bench.point.emptied(chance.choice(["glass", "paper"]), None)
"""


def lives(folder: Path, chance: random.Random) -> list[str]:
    """What the screens of several lives said, each of which ended in the middle of something."""
    said: list[str] = []
    for _ in range(LIVES):
        with subprocess.Popen(
            [sys.executable, "-c", DEPOSITORS, str(folder), str(chance.random())],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as point:
            assert point.stdout
            words = (line.strip() for line in point.stdout if "[" not in line)
            said += islice(words, chance.randrange(1, 25))
            point.send_signal(signal.SIGKILL)
            said += words
    return said


@pytest.mark.parametrize("seed", range(2))
def test_what_the_screen_called_kept_is_there_once_after_sigkill(tmp_path: Path, seed: int) -> None:
    said = lives(tmp_path, random.Random(seed))
    bench = Bench(tmp_path)
    kept = [Fields(one) for one in bench.records(DEPOSIT)]
    ids = [one.text("deposit") for one in kept]
    fractions = dict.fromkeys(ids, "glass")
    for one in bench.records(CORRECTION):
        fractions[Fields(one).text("deposit")] = Fields(one).text("fraction")
    shown = [line.split()[1] for line in said if line.startswith("kept")]
    # Nothing lost, nothing twice; what was not yet shown is at most one for each life.
    assert len(set(ids)) == len(ids)
    assert set(shown) <= set(ids)
    assert len(ids) - len(shown) <= LIVES
    for word, fraction in (("back", ""), ("paper", "paper")):
        done = [line.split()[1] for line in said if line.startswith(word)]
        assert {fractions[deposit] for deposit in done} <= {fraction}
    # The containers hold what the records say, to the milligram.
    for container in bench.point.containers():
        held = container.delivered_mg + sum(one.delivered_mg for one in container.emptyings)
        masses = [
            one.mass_mg("kiosk/net") or 0
            for one in kept
            if fractions[one.text("deposit")] == container.fraction
        ]
        assert held == sum(masses)
    bench.journal.close()
