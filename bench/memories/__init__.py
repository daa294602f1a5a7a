"""Memories that need no training: one file a mechanism. They are the floors that every other memory is read against."""
