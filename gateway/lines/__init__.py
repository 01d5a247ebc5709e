"""How bytes come in: lines, the ports that they hang on, and how well each is heard."""
