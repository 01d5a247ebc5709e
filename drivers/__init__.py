"""What devices say: one file per device family, bytes in and readings out, no I/O and no clock."""
