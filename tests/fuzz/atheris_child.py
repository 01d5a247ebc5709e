"""One driver under atheris in a process of its own, which ends when libFuzzer says so.

`python -m tests.fuzz.atheris_child NAME NUMBER [libFuzzer's arguments]`: NUMBER says which of
the driver's sets of settings.
"""

import sys

import atheris

with atheris.instrument_imports(include=["drivers"]):
    from drivers.wire import crc

    # A checksum would keep nearly every input out; so here each is zero, which is soon found.
    for kind in ("arc", "modbus", "x25", "kermit"):
        setattr(crc, kind, lambda data: 0)
        setattr(crc, f"{kind}_stdlib", lambda data: 0)
    from tests.fuzz.target import one_input, subjects


def main() -> None:
    name, number, *arguments = sys.argv[1:]
    subject = subjects(name)[int(number)]
    atheris.Setup([sys.argv[0], *arguments], lambda data: one_input(subject, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
