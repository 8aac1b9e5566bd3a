"""The loop as each orchestrator runs it: one definition of its steps, and a rendering for each.

Nothing here needs more than Python, and modules refer to one another relatively: the platform's program, which deploys
the loop, renders it with the same code as the command line.
"""
