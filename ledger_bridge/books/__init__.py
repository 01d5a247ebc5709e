"""What an auditor needs and nothing that serves: evidence, registry, policy, settlement, book, log.

Everything here is a pure function or a statement on one SQLite file; `verify` recomputes the whole
from the evidence with these same functions.
"""
