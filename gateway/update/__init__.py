"""Updates that cannot brick: versions beside each other, a switch, a trial, and a way back."""
