"""`meterkast doctor`: what is wrong with this machine and its lines, and what to do about it.

Each file examines one part: settings, ports, lines, the machine, the journal, the links. What they
look at is a `Patient`, so that every fault can be planted.
"""
