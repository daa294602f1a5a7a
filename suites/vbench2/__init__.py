"""VBench-2.0's eighteen dimensions: its questions, its rules of validity, its totals; with judges of the user's."""
