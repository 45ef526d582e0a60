"""Who may use a page that this program serves, and what every answer of it says: rules without I/O.

The live page (the standard library's server) and the studio (an ASGI server) use the same ones.
"""
