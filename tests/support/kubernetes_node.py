"""A node for the control plane of the tests: it runs pods on this machine, as root, with images of Docker.

It has a bridge of its own, which goes with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from support.environment import REQUIRED, missing
from support.kubernetes import CACHE, ControlPlane, built, control_plane, program, running, until

BRIDGE, PODS, ADDRESS = "sightline-pods", "10.214.0.0/24", "10.214.0.1"
DOMAIN = "cluster.local"
PAUSE = "sightline-test-pause:1"
PROGRAMS = ("docker", "containerd", "ctr", "runc", "ip", "iptables", "umount")
BUSYBOX = Path("/bin/busybox")
SECONDS = 240


@contextmanager
def cluster_with_a_node(images: Sequence[str]) -> Iterator[ControlPlane]:
    """A cluster of one node that has these images of Docker."""
    _require_a_node()
    with ExitStack() as stack:
        stack.enter_context(_bridge())
        plane = stack.enter_context(control_plane(ADDRESS))
        for name, options in _controllers(plane).items():
            stack.enter_context(running(plane, program(name), f"--kubeconfig={plane.kubeconfig}", *options))
        stack.callback(_remove_rules)
        [names] = CACHE.glob("coredns-*/coredns")
        stack.enter_context(running(plane, names, "-conf", _names_file(plane)))
        runtime = stack.enter_context(_containerd(plane, images))
        options = [f"--kubeconfig={plane.kubeconfig}", *_kubelet_options(plane, runtime)]
        stack.enter_context(running(plane, program("kubelet"), *options))
        plane.done("wait", "--for=create", "node/test", "--timeout=50s")
        plane.done("wait", "--for=condition=Ready", "node/test", "--timeout=50s")
        yield plane


def _require_a_node() -> None:
    if "kubernetes-node" not in REQUIRED:
        missing("kubernetes-node", "a node changes this machine's network: make test-k8s")
    for part in ("control-plane", "node"):
        built(part)
    if os.geteuid() != 0:
        missing("kubernetes-node", "a node is run by root")
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        missing("kubernetes-node", f"{', '.join(lacking)} is not on the PATH")


def ran(*command: str | Path) -> str:
    """What a program says; its failure is an error with what it said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {done.stderr}")
    return done.stdout


def _tried(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], capture_output=True, timeout=SECONDS, check=False)


@contextmanager
def _bridge() -> Iterator[None]:
    """Between the pods; this machine has the address of the node there."""
    _tried("ip", "link", "delete", BRIDGE)
    ran("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        ran("ip", "address", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        ran("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        ran("ip", "link", "delete", BRIDGE)


def _controllers(plane: ControlPlane) -> dict[str, list[str]]:
    return {
        "kube-controller-manager": [
            "--leader-elect=false",
            f"--root-ca-file={plane.folder}/ca.crt",
            f"--service-account-private-key-file={plane.folder}/server.key",
            "--horizontal-pod-autoscaler-sync-period=2s",
        ],
        "kube-scheduler": ["--leader-elect=false"],
        "kube-proxy": [
            "--hostname-override=test",
            "--proxy-mode=iptables",
            f"--cluster-cidr={PODS}",
            "--conntrack-max-per-core=0",
            f"--healthz-bind-address={ADDRESS}:10256",
            f"--metrics-bind-address={ADDRESS}:10249",
            "--iptables-localhost-nodeports=false",
        ],
    }


def _remove_rules() -> None:
    ran(program("kube-proxy"), "--cleanup")
    for tables in ("iptables", "ip6tables"):  # It leaves this chain to a kubelet that would have made it.
        for chain in ("INPUT", "OUTPUT"):
            _tried(tables, "--delete", chain, "--jump", "KUBE-FIREWALL")
        _tried(tables, "--flush", "KUBE-FIREWALL")
        _tried(tables, "--delete-chain", "KUBE-FIREWALL")


def _names_file(plane: ControlPlane) -> Path:
    path = plane.folder / "Corefile"
    path.write_text(f"""{DOMAIN}:53 {{
    bind {ADDRESS}
    kubernetes {DOMAIN} {{
        kubeconfig {plane.kubeconfig} test
        ttl 1
    }}
}}
""")
    return path


@contextmanager
def _containerd(plane: ControlPlane, images: Sequence[str]) -> Iterator[Path]:
    """What it unpacked is kept: most images of the next run have the same layers."""
    socket, config = plane.folder / "containerd.sock", plane.folder / "containerd.toml"
    config.write_text(_containerd_config(plane.folder, socket))
    _write_network(plane.folder / "cni")
    containerd = Path(str(shutil.which("containerd")))
    control = ("ctr", "--address", socket, "--namespace", "k8s.io")
    with running(plane, containerd, "--config", config) as process:
        until(socket.exists, process, plane.folder / "containerd.log")
        try:
            _make_pause_image(plane.folder)
            _import((PAUSE, *images), control, plane.folder / "image.tar")
            yield socket
        finally:
            # A container goes with the sandbox that it is in: some of these are gone when their turn comes.
            for name in ran(*control, "tasks", "list", "--quiet").split():
                _tried(*control, "tasks", "delete", "--force", name)
            for name in ran(*control, "containers", "list", "--quiet").split():
                _tried(*control, "containers", "delete", name)
            _remove_traces(plane.folder)


def _import(images: Sequence[str], control: Sequence[str | Path], archive: Path) -> None:
    """From Docker, but for those that are here from before."""
    ours = {f"docker.io/by-id/{_identity(image)}:1": image for image in images}
    here = ran(*control, "images", "list", "--quiet").split()
    for name in here:
        if name not in ours:
            ran(*control, "images", "remove", name)
    for name, image in ours.items():
        if name not in here:
            ran("docker", "save", "--output", archive, image)
            ran(*control, "images", "import", archive)
            archive.unlink()
            ran(*control, "images", "tag", f"docker.io/library/{image}", name)
        ran(*control, "images", "tag", "--force", name, f"docker.io/library/{image}")


def _identity(image: str) -> str:
    return ran("docker", "image", "inspect", "--format", "{{.Id}}", image).strip().removeprefix("sha256:")


def _remove_traces(folder: Path) -> None:
    """What pods that were ended in this way leave behind."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in reversed(mounted):
        if path.startswith(f"{folder}/"):
            _tried("umount", "--lazy", path)
    for name in ran("ip", "netns", "list").split():
        if name.startswith("cni-"):
            ran("ip", "netns", "delete", name)


def _make_pause_image(folder: Path) -> None:
    """What holds a pod's network: a program that does nothing."""
    if ran("docker", "images", "--quiet", PAUSE):
        return
    archive = folder / "pause.tar"
    with tarfile.open(archive, "w") as content:
        content.add(BUSYBOX.resolve(), "busybox")
    start = f"ENTRYPOINT {json.dumps(['/busybox', 'sleep', '2147483647'])}"
    ran("docker", "import", "--change", start, archive, PAUSE)


def _containerd_config(folder: Path, socket: Path) -> str:
    return f"""version = 2
root = "{CACHE}/containerd"
state = "{folder}/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CACHE}/cni-debian/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def _write_network(folder: Path) -> None:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[{"subnet": PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, {"type": "firewall"}]}
    folder.mkdir()
    (folder / "pods.conflist").write_text(json.dumps(network))


def _kubelet_options(plane: ControlPlane, runtime: Path) -> list[str]:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "healthzBindAddress": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [ADDRESS],
        "clusterDomain": DOMAIN,
        "containerRuntimeEndpoint": f"unix://{runtime}",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(plane.folder / "pods"),
        "volumePluginDir": str(plane.folder / "plugins"),
    }
    path = plane.folder / "kubelet.yaml"
    path.write_text(yaml.safe_dump(config))
    return [
        f"--config={path}",
        f"--root-dir={plane.folder}/kubelet",
        f"--cert-dir={plane.folder}/kubelet-certificates",
        f"--node-ip={ADDRESS}",
        "--hostname-override=test",
    ]
