"""The program `bridge` on the hub: it checks what gateways send and settles it into the books."""
