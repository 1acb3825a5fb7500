"""The only way out: providers, and the loop that calls them."""
