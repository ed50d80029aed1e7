"""Judging a run: from its records to the leaderboard, its figures, and Weights & Biases."""
