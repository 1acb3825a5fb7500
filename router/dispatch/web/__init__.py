"""The web, for panelists: a search, and a fetch that goes nowhere it must not.

Laws:

* No connection is made to an address that was not checked, and the address that was checked is the one connected to.
* What comes back is bounded in size, time and kind, is parsed in a process of its own, and is data, never instruction.
* What goes wrong is told to the model that asked; it never fails the run.
"""

from router.dispatch.web.address import AddressRules, read_allowed
from router.dispatch.web.fetch import Fetcher
from router.dispatch.web.found import Found, Hit, Page, Source, WebFailure
from router.dispatch.web.search import ProviderSearch, Search, SearxngSearch
from router.dispatch.web.tools import Web, Wish

__all__ = [
    "AddressRules",
    "Fetcher",
    "Found",
    "Hit",
    "Page",
    "ProviderSearch",
    "Search",
    "SearxngSearch",
    "Source",
    "Web",
    "WebFailure",
    "Wish",
    "read_allowed",
]
