"""The harness: suites, cells, records, executor, leaderboard, and the command line."""
