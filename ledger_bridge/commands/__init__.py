"""What a steward types: one file per noun, papers handed in at the desk, tables and JSON out."""
