"""The trained reference weights that ship with Keepframe, and how they are written and read.

A checkpoint says what it is: the shapes it was trained with, the files it was trained on top of, and how. So weights
of another config, or of another parent, are an error with a name in it and never a silent wrong number.
"""
