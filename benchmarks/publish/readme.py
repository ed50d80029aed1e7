"""Who leads, in README: a block between two markers, filled from what is published of suite ``default``."""

from pathlib import Path
from typing import Final

from benchmarks.board.aggregate import aggregate
from benchmarks.board.formats import make_markdown_environment
from benchmarks.board.overview import make_leaders_table
from benchmarks.publish import NotPublishable
from benchmarks.publish.manifest import read_manifest
from benchmarks.run.storage import read_run, write_atomically

README: Final = "README.md"
SUITE: Final = "default"  # whose leaders README names
BEGIN: Final = "<!-- leaders:begin -->"
END: Final = "<!-- leaders:end -->"
FRONTIER: Final = "figures/frontier.svg"
TEMPLATE: Final = """\
{% import "macros.md.j2" as macros %}

{{ macros.show(table) | trim }}

Suite `{{ suite }}`, published on {{ date }}, scored at commit `{{ commit }}`:
[the whole leaderboard]({{ folder }}/leaderboard.md), and [as a page]({{ folder }}/leaderboard.html) for a browser.
{% if frontier %}

![Score against model rows on every task of suite {{ suite | markdown }}]({{ folder }}/{{ frontier }})
{% endif %}
"""


def fill_readme(published: Path, readme: Path) -> None:
    """Write who leads each task of a published suite between the markers of ``readme``, and leave the rest as it is.

    Raises:
        NotPublishable: when the file has not each marker once, in order; it stays as it is.
        RecordError, OSError: when the suite or the file cannot be read, or the file not be written.
    """
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if (text.count(BEGIN), text.count(END), rest.count(END)) != (1, 1, 1):
        raise NotPublishable(
            f"{published} is published, but {readme} has no block to say who leads in, expected the lines {BEGIN} and "
            f"{END} once each; put them in, then publish again: python -m benchmarks publish {published}"
        )
    block = render_leaders(published, published.relative_to(readme.parent).as_posix())
    write_atomically(f"{before}{BEGIN}\n{block}{END}{after}".encode(), readme)


def render_leaders(published: Path, folder: str) -> str:
    """Markdown of who leads each task of a published suite, with links into ``folder``."""
    manifest = read_manifest(published)
    return (
        make_markdown_environment()
        .from_string(TEMPLATE)
        .render(
            table=make_leaders_table(aggregate(read_run(published))),
            frontier=FRONTIER if FRONTIER in manifest.files else "",
            folder=folder,
            suite=manifest.suite,
            date=f"{manifest.created:%Y-%m-%d}",
            commit=manifest.commit[:12],
        )
    )
