"""Web pages about a cluster, live, for anybody with a browser.

A dashboard is a client of the protocol with a web server before it: it is told the address of a
scheduler, asks it what everybody may ask, and passes the answers on as JSON. It changes nothing.
"""
