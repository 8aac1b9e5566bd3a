"""The node's programs, built from their Go modules with nothing but a Go toolchain."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from node.places import Home

KUBERNETES = "1.34.3"
ETCD = "v3.6.5"
COREDNS = "v1.12.4"
ROUTER = "v2.1.0"

KUBE_NAMES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
_STAMP = "k8s.io/component-base/version"

_KUBE = """package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	ctl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
)

// One program for all of them, called by the name of the one that is wanted: they share most of their code.
func main() {
	made := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": manager.NewControllerManagerCommand,
		"kube-proxy":              proxy.NewProxyCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
		"kubectl":                 ctl.NewDefaultKubectlCommand,
		"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	}
	name := filepath.Base(os.Args[0])
	command, known := made[name]
	if !known {
		println("call it by the name of a part of Kubernetes")
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
"""

_ETCD = """package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
"""

_COREDNS_PLUGINS = ("bind", "cache", "errors", "health", "hosts", "kubernetes", "ready")
_COREDNS = "\n".join(
    (
        "package main",
        "",
        "import (",
        '\t_ "github.com/coredns/coredns/core/dnsserver"',
        *(f'\t_ "github.com/coredns/coredns/plugin/{plugin}"' for plugin in _COREDNS_PLUGINS),
        "",
        '\t"github.com/coredns/coredns/coremain"',
        ")",
        "",
        "func main() { coremain.Run() }",
        "",
    )
)

_POLICIES = """package main

import (
	"os"
	"sync"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func must(err error) {
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}

// Arguments: kubeconfig, name of the node, range of the Services.
func main() {
	rest, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	must(err)
	client := kubernetes.NewForConfigOrDie(rest)
	settings := options.NewKubeRouterConfig()
	settings.RunFirewall, settings.EnableIPv4 = true, true
	settings.HostnameOverride, settings.ClusterIPCIDRs = os.Args[2], []string{os.Args[3]}
	factory, stop := informers.NewSharedInformerFactory(client, 0), make(chan struct{})
	pods := factory.Core().V1().Pods().Informer()
	spaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	tables, sets, err := netpol.NewIPTablesHandlers(settings)
	must(err)
	var lock sync.Mutex
	made, err := netpol.NewNetworkPolicyController(client, settings, pods, policies, spaces, &lock, tables, sets)
	must(err)
	pods.AddEventHandler(made.PodEventHandler)
	spaces.AddEventHandler(made.NamespaceEventHandler)
	policies.AddEventHandler(made.NetworkPolicyEventHandler)
	beats := make(chan *healthcheck.ControllerHeartbeat, 10)
	go func() {
		for range beats {
		}
	}()
	var group sync.WaitGroup
	group.Add(1)
	go made.Run(beats, stop, &group)
	group.Wait()
}
"""


class BuildError(Exception):
    """A program could not be built. With what the toolchain said."""


def build(home: Home, say: Callable[[str], object]) -> None:
    """Build what is missing.

    Raises:
        BuildError: there is no Go toolchain, or it failed.
    """
    if not shutil.which("go"):
        raise BuildError("The node's programs are built with Go, and there is none on PATH: https://go.dev/dl/")
    home.programs.mkdir(parents=True, exist_ok=True)
    for name, make in _PROGRAMS.items():
        if not (home.programs / name).exists():
            say(f"building {name}")
            make(home, name)
    for name in KUBE_NAMES:
        link = home.programs / name
        if not link.exists():
            link.symlink_to("kube")


def missing(home: Home) -> list[str]:
    """Programs that are not built yet."""
    return [name for name in (*_PROGRAMS, *KUBE_NAMES) if not (home.programs / name).exists()]


def _kube(home: Home, name: str) -> None:
    """Kubernetes' own module points its parts into its own tree, which only the main module may; ours points them at
    their published versions."""
    module = "k8s.io/kubernetes"
    answer = json.loads(run_go(["mod", "download", "-json", f"{module}@v{KUBERNETES}"], Path("/")))
    text = Path(answer["GoMod"]).read_text()
    parts = "v0." + KUBERNETES.split(".", 1)[1]
    text = re.sub(r"(k8s\.io/\S+) => \./staging/\S+", rf"\1 => \1 {parts}", text)
    text = text.replace(f"module {module}", "module node/kube", 1)
    text = re.sub(r"^godebug default=.*$", "", text, flags=re.MULTILINE)
    text = text.replace("require (", f"require (\n\t{module} v{KUBERNETES}", 1)
    major, minor, _ = KUBERNETES.split(".")
    stamps = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    linked = " ".join(f"-X {_STAMP}.{key}={value}" for key, value in stamps.items())
    compile_go(home, name, _KUBE, {}, text, linked)


def _etcd(home: Home, name: str) -> None:
    compile_go(home, name, _ETCD, {"go.etcd.io/etcd/server/v3": ETCD})


def _coredns(home: Home, name: str) -> None:
    client = "v0." + KUBERNETES.split(".", 1)[1]
    wanted = {f"k8s.io/{part}": client for part in ("api", "apimachinery", "client-go")}
    compile_go(home, name, _COREDNS, {"github.com/coredns/coredns": COREDNS, **wanted})


def _policies(home: Home, name: str) -> None:
    """On the node's own client, so that compiled packages are shared."""
    module = (home.path / "build" / "kube" / "go.mod").read_text().replace("module node/kube", "module node/netpol")
    compile_go(home, name, _POLICIES, {"github.com/cloudnativelabs/kube-router/v2": ROUTER}, module)


_PROGRAMS: Mapping[str, Callable[[Home, str], None]] = {
    "kube": _kube,
    "etcd": _etcd,
    "coredns": _coredns,
    "netpol": _policies,
}


def compile_go(
    home: Home, name: str, source: str, modules: Mapping[str, str], module_file: str = "", linked: str = ""
) -> None:
    """Compile a program of one file.

    Args:
        modules: that it needs, to their versions.
        module_file: its go.mod, where it has to say more than that.
        linked: flags for the linker.

    Raises:
        BuildError: with what the toolchain said.
    """
    folder = home.path / "build" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.go").write_text(source)
    (folder / "go.mod").write_text(module_file or f"module node/{name}\n")
    if modules:
        run_go(["get", *(f"{module}@{version}" for module, version in modules.items())], folder)
    run_go(["mod", "tidy", "-e"], folder)
    run_go(["build", "-ldflags", f"-s -w {linked}", "-o", home.program(name), "."], folder)


def run_go(arguments: list[str], folder: Path) -> str:
    """What the toolchain says.

    Raises:
        BuildError: it failed.
    """
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false"}
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"`go {' '.join(arguments)}` failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
