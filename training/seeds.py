"""Seeds for the different purposes of one repetition, so that none of them draws the numbers of another."""

from typing import Any

from torch import Generator

from datasets.digest import hash_bytes, hash_content


def seed_for(seed: int, purpose: str) -> int:
    """A seed in 0 .. 2**31 - 1 (what every generator takes) that depends on the seed and the purpose alone."""
    return _as_seed(hash_bytes(f"{seed} {purpose}".encode()))


def derive_seed(*parts: Any) -> int:
    """A seed in 0 .. 2**31 - 1 that depends on the parts alone, which are JSON values."""
    return _as_seed(hash_content(*parts))


def generator_for(seed: int, purpose: str) -> Generator:
    """A generator seeded with ``seed_for`` these."""
    return Generator().manual_seed(seed_for(seed, purpose))


def _as_seed(digest: str) -> int:
    return int(digest[:8], 16) >> 1
