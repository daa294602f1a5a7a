"""What a memory costs: time, memory and work of every stage from the history to the generated video."""
