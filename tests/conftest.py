"""What every test has."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.toolchains"]

# On a busy machine an example takes as long as it takes.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
