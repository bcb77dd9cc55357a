// The contents of a node's files: configuration of containerd and kubelet, as on a separate machine.

import { stringify } from 'yaml';
import { dnsAddress } from './control-plane.ts';
import { pauseImage } from './images.ts';

export const containerdSocket = '/run/containerd/containerd.sock';

/** /etc/kubernetes/containerd.toml, for containerd 1.6 and later. */
export function containerdConfig(): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${containerdSocket}"
[${cri}]
  sandbox_image = "${pauseImage}"
  # Lowering a process's OOM score needs CAP_SYS_RESOURCE, which a container that this runs in may lack.
  restrict_oom_score_adj = true
  enable_tls_streaming = false
  stream_server_address = "127.0.0.1"
  [${cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [${cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
  [${cri}.cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`;
}

/** /etc/kubernetes/kubelet.yaml */
export function kubeletConfig(cgroupRoot: string): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    // Only the cluster's own namespaces can reach it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    clusterDNS: [dnsAddress],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/kubernetes/resolv.conf',
    staticPodPath: '/etc/kubernetes/manifests',
    // All nodes share this machine's disk: if it is nearly full, pods must not be evicted.
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    maxPods: 200,
    address: '::',
  });
}
