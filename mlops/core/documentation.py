"""Whether settings read their fields' docstrings when they are defined.

The schema and the catalogue show them. Reading them means parsing the source of every class, a fifth of what a plan
takes of its own, so whoever needs none says so before anything else of the settings is imported.
"""

wanted = True
"""Set to False before `mlops.core.config` is imported; afterwards it changes nothing."""
