"""Everything recomputed from the evidence, and the first difference named."""
