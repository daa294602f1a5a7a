"""The human preference study: a page on which people vote, and the ledger that keeps what they said.

The page is plain HTML and JavaScript over a small Starlette app, not Streamlit: two videos on one clock need scripts of
their own, a vote needs an acknowledgement that can be trusted, and a reload must not lose anything. The ledger is
append-only and hash-chained. Needs the extra: `pip install 'keepframe[study]'`.
"""
