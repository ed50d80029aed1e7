"""Seeds for the different purposes of one repetition, so that none of them draws the numbers of another."""

import hashlib

from torch import Generator


def seed_for(seed: int, purpose: str) -> int:
    """A seed in 0 .. 2**31 - 1 that depends on the seed and the purpose, and on nothing else."""
    return int(hashlib.sha256(f"{seed} {purpose}".encode()).hexdigest()[:8], 16) >> 1


def generator_for(seed: int, purpose: str) -> Generator:
    """A generator seeded with ``seed_for`` these."""
    return Generator().manual_seed(seed_for(seed, purpose))
