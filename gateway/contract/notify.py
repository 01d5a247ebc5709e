"""Tell whoever started this process how it fares. Spec: sd_notify(3); silent without systemd."""

import os
import socket


def notify(**facts: str) -> None:
    """`notify(READY="1")` when the work has begun; `notify(STATUS="…")` for a line to read."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(f"{name}={value}" for name, value in facts.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(message.encode(), address)
        except OSError:
            # Nobody listens any more: the supervisor went first, and that is its own affair.
            return


def take_up_to(seconds: int) -> None:
    """The start, or the end, may take so long from now on; systemd waits for 90 s else."""
    notify(EXTEND_TIMEOUT_USEC=f"{seconds * 1_000_000}")
