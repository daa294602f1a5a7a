"""How the work gets done: planned, handed to workers, stored."""
