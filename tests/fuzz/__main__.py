"""`python -m tests.fuzz [NAME…] [--seconds N]` (make fuzz): so long for each driver; 1 on a find.

`python -m tests.fuzz NAME FILE` replays an input that was found. What was learnt is kept in
`.fuzz/NAME`, and the next run goes on from there. Without atheris hypothesis has to do.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from drivers import sdk
from tests.fuzz.target import corpus, subjects

KEPT = Path(__file__).parents[2] / ".fuzz"
SECONDS = 15
INPUT_BYTES_MAX = 4096
ONE_INPUT_S_MAX = 5
MEMORY_MB_MAX = 1024
SEED = 2026


def _child(name: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz.atheris_child", name, str(number), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _fuzz(name: str, number: int, seconds: int) -> bool:
    """Whether nothing was found. Prints what was."""
    subject = subjects(name)[number]
    folder = KEPT / (name if number == 0 else f"{name}-{number}")
    folder.mkdir(parents=True, exist_ok=True)
    for place, data in enumerate(corpus(subject)):
        (folder / f"example-{place}").write_bytes(data)
    done = _child(
        name,
        number,
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-timeout={ONE_INPUT_S_MAX}",
        f"-rss_limit_mb={MEMORY_MB_MAX}",
        f"-seed={SEED}",
        f"-artifact_prefix={KEPT}/found-{name}-{number}-",
        str(folder),
    )
    tried = re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    print(f"{subject.name}: {tried[-1] if tried else 0} inputs, exit {done.returncode}", flush=True)
    if done.returncode:
        found = re.search(r"written to (\S+)", done.stderr)
        print(done.stdout[done.stdout.find("=== Uncaught") :], file=sys.stderr)
        print(f"error: {name} does not hold for an input", file=sys.stderr)
        print(f"where: {found[1] if found else 'see above'}", file=sys.stderr)
        if found:
            print(f"try:   python -m tests.fuzz {name} {found[1]}", file=sys.stderr)
    return done.returncode == 0


def _replay(name: str, file: Path) -> int:
    number = re.match(rf"found-{name}-(\d+)-", file.name)
    done = _child(name, int(number[1]) if number else 0, str(file))
    print(done.stdout + done.stderr)
    return done.returncode


def main(arguments: list[str]) -> int:
    """As the module's docstring says."""
    seconds = SECONDS
    if "--seconds" in arguments:
        at = arguments.index("--seconds")
        seconds = int(arguments[at + 1])
        del arguments[at : at + 2]
    if len(arguments) == 2 and Path(arguments[1]).is_file():
        return _replay(arguments[0], Path(arguments[1]))
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here: hypothesis instead", file=sys.stderr)
        command = [sys.executable, "-m", "pytest", "-m", "soak", "--timeout", "0", "tests/fuzz"]
        return subprocess.run(command, check=False).returncode
    names = arguments or list(sdk.names())
    results = [
        _fuzz(name, number, seconds) for name in names for number in range(len(subjects(name)))
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
