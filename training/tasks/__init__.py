"""The tasks that train a network: one file each, from a seed to a problem."""
