"""The web, for panelists: a search, and a fetch that goes nowhere it must not.

Laws:

* No connection is made to an address that was not checked, and the address that was checked is the one connected to.
* What comes back is bounded in size, time and kind, is parsed in a process of its own, and is data, never instruction.
* What goes wrong is told to the model that asked; it never fails the run.

``search`` and ``fetch`` bring aiohttp, which nothing else of the gateway needs: they are imported where the config asks.
"""

from router.dispatch.web.found import Fetch, Found, Hit, Page, Search, Source, WebFailure
from router.dispatch.web.tools import Web, Wish, wishes_of

__all__ = ["Fetch", "Found", "Hit", "Page", "Search", "Source", "Web", "WebFailure", "Wish", "wishes_of"]
