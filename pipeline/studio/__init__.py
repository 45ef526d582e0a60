"""The studio: a page in the browser that directs films, its server, and its queue of jobs.

The page is in ``page/``. What it shows comes from the same engine as on the command line; each job
is that command, in a process of its own.
"""
