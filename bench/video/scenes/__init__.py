"""Procedural footage, one file per idea: the stage and the truth, the brushes, the world, and the kinds."""
