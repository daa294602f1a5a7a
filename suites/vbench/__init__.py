"""VBench's dimensions, formula for formula, from shared features; facts: Huang et al., arXiv 2311.17982."""
