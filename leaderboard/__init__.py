"""The board: a Streamlit page over a store. It reads results and never writes them.

Everything here needs the extra: `pip install 'keepframe[board]'`. Only `leaderboard.serve` may be imported
without it, and says so.
"""
