"""Bytes that nobody thought of, for every driver file: with atheris, and with hypothesis."""
