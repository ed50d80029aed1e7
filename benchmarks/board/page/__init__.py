"""``leaderboard.html``: the report as one page that needs no network.

All that it says is computed here, in Python, and is readable without JavaScript; the browser sorts, filters, opens rows
and saves, with DataTables as the package itables ships it.
"""

from benchmarks.board.page.render import render_page

__all__ = ["render_page"]
