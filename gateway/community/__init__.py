"""The community link: records out, receipts and commands in."""
