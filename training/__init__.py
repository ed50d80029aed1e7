"""Models for the tasks: Lightning modules, data modules, and ``fit`` with its checkpoint cache."""
