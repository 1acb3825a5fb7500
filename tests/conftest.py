"""What holds for every test."""

from hypothesis import settings

# a property does not fail because the machine is busy
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
