"""Attribution methods, one file for each family; every file here is found by being here.

A method is a function of an explicand with the decorator ``@method``; copy a short one to start your own.
"""
