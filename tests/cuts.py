"""A power cut at the nth touch of the disk, for what is done file by file."""

import os
from collections.abc import Callable

TOUCHES = (
    "fsync",
    "rename",
    "replace",
    "symlink",
    "link",
    "mkdir",
    "open",
    "fchmod",
    "unlink",
    "rmdir",
)


def cut_at(number: int, deed: Callable[[], object]) -> bool:
    """Do it in a process of its own that ends before its nth touch; whether it came so far."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _end_before(number)
            deed()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, 9}, "what was to be cut off went wrong by itself"
    return code == 9


def _end_before(number: int) -> None:
    touched = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def touch(*args: object, **more: object) -> object:
            nonlocal touched
            touched += 1
            if touched == number:
                os._exit(9)
            return real(*args, **more)

        return touch

    for name in TOUCHES:
        setattr(os, name, counted(getattr(os, name)))
