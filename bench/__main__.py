"""`python -m bench` is `keepframe`."""

from bench.cli import main

main()
