"""Data for the tasks: one module for each, seeded, with the truth where it is known."""
