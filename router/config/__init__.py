"""From YAML or the environment to ``router.settings``: raw values with positions first, checked values second."""
