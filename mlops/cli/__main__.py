"""`python -m mlops.cli`, where the console script is not on PATH."""

from mlops.cli import main

main()
