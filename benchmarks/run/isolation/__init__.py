"""Code that nobody vouches for runs in a process of its own, which may hang, take all memory, exit or crash.

``process`` has what holds for each of these: its limits, how its end is told, how it is killed with all that it has
started. There are two ways to have one:

``fork``
    for the cells of a run: a fork that is there at once, answers calls over a pipe, and is replaced when it ends. It
    shares its user's environment, and what it answers is unpickled: it is for code that its user has chosen to run.
``sealed``
    for somebody else's method: a new process without the environment's secrets, limited by the system, in a temporary
    folder, from which nothing but numbers is read.
"""
