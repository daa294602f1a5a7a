"""Judges that look at pictures and answer questions: who may be one, how they are reached, what they cost."""
