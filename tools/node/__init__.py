"""A Kubernetes of one node on a plain Linux machine, without a container engine: what `make test-node` runs on.

    python -m node build      the programs, from their Go modules: minutes the first time
    python -m node provider   the Pulumi Kubernetes provider, for the tests that attach it: minutes too
    python -m node helm       Helm, for the tests that install charts
    python -m node up         the node, ready in about twenty seconds
    python -m node down       all of it away, by process id

Run in `tools/`. Everything lives in a network namespace of its own, so that addresses, ports and packet filters of the
machine stay as they are. It needs root, cgroups, containerd, runc, the CNI plugins and iptables. Programs and state lie
in NODE_HOME, by default in the user's cache folder.
"""
