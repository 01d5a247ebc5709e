"""`python -m tests.bench [NAME…] [--json]`: run the modules of this folder, exit 1 below a goal."""

import importlib
import json
import pkgutil
import sys

import tests.bench
from tests.bench import Ratio


def main(arguments: list[str]) -> int:
    """Each module has `run() -> list[Ratio]`; without a name all of them run."""
    known = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    known.remove("__main__")
    wanted = [word for word in arguments if word != "--json"] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"error: no benchmark is called {unknown[0]!r}", file=sys.stderr)
        print(f"where: python -m tests.bench {' '.join(arguments)}", file=sys.stderr)
        print(f"try:   {', '.join(known)}", file=sys.stderr)
        return 2
    ratios: list[Ratio] = []
    for name in wanted:
        ratios += importlib.import_module(f"tests.bench.{name}").run()
    if "--json" in arguments:
        for ratio in ratios:
            print(json.dumps(ratio._asdict() | {"met": ratio.ratio >= ratio.goal}))
    else:
        print(f"{'':<44} {'ours/s':>10} {'other/s':>10} {'ratio':>7} {'goal':>6}")
        for name, ours, other, ratio, goal in ratios:
            missed = "" if ratio >= goal else "  missed"
            print(f"{name:<44} {ours:>10.0f} {other:>10.0f} {ratio:>7.2f} {goal:>6.2f}{missed}")
    return 0 if all(ratio.ratio >= ratio.goal for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
