"""Memories, one file a mechanism. Those that need no training are the floors that every other is read against;
`history` is the paper's encoder, trained."""
