"""A plugin that is installed without something that it needs."""

import of_its_own  # noqa: F401 - not installed, which is the point
