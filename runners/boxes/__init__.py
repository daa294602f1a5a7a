"""Boxes: pinned lists of packages, and the programs that answer in them."""
