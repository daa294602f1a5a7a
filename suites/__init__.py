"""What is asked, and how an answer is scored: one folder a suite, metrics as pure functions."""
