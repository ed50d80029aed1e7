"""The code blocks of README, by what they are named or by their place."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def block(first_line: str, language: str = "python") -> str:
    """The one block of a language that starts with this line."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if text.startswith(first_line)]
    return str(found)
