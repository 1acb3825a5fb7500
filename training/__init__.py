"""How the classifier came to be: python -m training."""
