"""What AWS and Kubernetes refuse. Each rule is a small function from the world and a resource to a refusal.

A rule returns the sentence that the service would answer with, or None. The stand-in asks all of them and fails
with the first: that the platform comes up and goes down under these rules is what proves its order.
"""
