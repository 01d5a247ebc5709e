"""Bridges by the dozen: `python -m tests.system.nursery BRIDGE_TOML`, everything imported once.

For each line on stdin another bridge is born, whose process id is one line on stdout. It does what
`meterkast bridge` does; whoever asked for it ends it.
"""

import os
import signal
import sys
from pathlib import Path

from ledger_bridge.books.store import BookInUse
from ledger_bridge.bridge import bridge


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(2, 1)
            try:
                bridge(config=Path(sys.argv[1]))
            except BookInUse:  # a steward does something meanwhile; another one is born later
                os._exit(3)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
