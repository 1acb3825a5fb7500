"""The commands, one module each. ``router.cli`` imports a module only when its command is called."""
