"""The local stack's processes: an emulated AWS, MLflow, the recommender and the loop's worker, under one supervisor."""
