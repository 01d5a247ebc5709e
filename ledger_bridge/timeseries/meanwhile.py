"""Work in a thread that does not keep the program from ending."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def meanwhile(work: Callable[[], T]) -> Future[T]:
    """What will come of work that begins now. Where the program ends before it, nothing does."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits meets it
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
