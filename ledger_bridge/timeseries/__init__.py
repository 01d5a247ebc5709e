"""The books as time series, for Grafana: every figure an integer, written again where it changes.

`schema` says what is written, `sink` sees to it that it is, each of the others turns a part of
the books into lines. All of it can be written anew from the books; only what gateways and the
bridge say of themselves is nowhere else, and waits in a file while the database is away.
"""
