"""Codecs that several drivers share: checksums, register codes, framings."""
