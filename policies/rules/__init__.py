"""The checks, one file a service. Importing this package registers them all."""
