"""Recall of random moments: the paper's frame retrieval, asked of any memory."""
