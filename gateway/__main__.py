"""`python -m gateway` is the command `meterkast`."""

from gateway.cli import main

main()
