"""Load on the recommender: what the README promises, measured."""
