"""The recommender: a collaborative-filtering model in plain arrays, and the service that answers from it."""
