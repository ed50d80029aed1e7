"""The project's documents: README, CONTRIBUTING and ``docs/``, and the blocks of code in them."""

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code, without its fence; ``language`` is empty for a shell's."""

    file: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.file.name}: {self.text.splitlines()[0]}"


BLOCKS = [Block(file, *found) for file in DOCUMENTS for found in FENCED.findall(file.read_text(encoding="utf-8"))]
COMMANDS = [
    Block(block.file, "", line.partition(" #")[0].strip())
    for block in BLOCKS
    if not block.language
    for line in block.text.splitlines()
]


def list_blocks(language: str) -> list[Block]:
    """All blocks of a language."""
    return [block for block in BLOCKS if block.language == language]


def find_block(first_line: str, language: str = "python") -> str:
    """The text of the one block of a language that starts with this line."""
    (found,) = [block.text for block in list_blocks(language) if block.text.startswith(first_line)]
    return found
