"""What `import core` offers: the functions of the command line, with its words, for notebooks and scripts.

Nothing is computed here that the command line does not compute. `cache` is the folder that all is kept in, by
default as on the command line; `show` has long work say on stderr how far it is.
"""
