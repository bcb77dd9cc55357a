// Where a program may be attached (uapi linux/bpf.h, enum bpf_attach_type): those that links here know, with the first
// kernel release that can attach them by a link.

/** `number`: what bpf(2) knows it by; `minimumKernel`: the first release that has it as a link. */
export const attachTypes = {
  cgroup_inet_ingress: { number: 0, minimumKernel: '5.7' },
  cgroup_inet_egress: { number: 1, minimumKernel: '5.7' },
  cgroup_inet_sock_create: { number: 2, minimumKernel: '5.7' },
  cgroup_sock_ops: { number: 3, minimumKernel: '5.7' },
  cgroup_device: { number: 6, minimumKernel: '5.7' },
  cgroup_inet4_bind: { number: 8, minimumKernel: '5.7' },
  cgroup_inet6_bind: { number: 9, minimumKernel: '5.7' },
  cgroup_inet4_connect: { number: 10, minimumKernel: '5.7' },
  cgroup_inet6_connect: { number: 11, minimumKernel: '5.7' },
  cgroup_inet4_post_bind: { number: 12, minimumKernel: '5.7' },
  cgroup_inet6_post_bind: { number: 13, minimumKernel: '5.7' },
  cgroup_udp4_sendmsg: { number: 14, minimumKernel: '5.7' },
  cgroup_udp6_sendmsg: { number: 15, minimumKernel: '5.7' },
  cgroup_sysctl: { number: 18, minimumKernel: '5.7' },
  cgroup_udp4_recvmsg: { number: 19, minimumKernel: '5.7' },
  cgroup_udp6_recvmsg: { number: 20, minimumKernel: '5.7' },
  cgroup_getsockopt: { number: 21, minimumKernel: '5.7' },
  cgroup_setsockopt: { number: 22, minimumKernel: '5.7' },
  cgroup_inet4_getpeername: { number: 29, minimumKernel: '5.8' },
  cgroup_inet6_getpeername: { number: 30, minimumKernel: '5.8' },
  cgroup_inet4_getsockname: { number: 31, minimumKernel: '5.8' },
  cgroup_inet6_getsockname: { number: 32, minimumKernel: '5.8' },
  cgroup_inet_sock_release: { number: 34, minimumKernel: '5.9' },
  sk_lookup: { number: 36, minimumKernel: '5.9' },
  xdp: { number: 37, minimumKernel: '5.9' },
  tcx_ingress: { number: 46, minimumKernel: '6.6' },
  tcx_egress: { number: 47, minimumKernel: '6.6' },
} as const;

export type AttachType = keyof typeof attachTypes;
export type CgroupAttachType = Extract<AttachType, `cgroup_${string}`>;

/** undefined for a type this table does not know. */
export function attachTypeFromNumber(number: number): AttachType | undefined {
  return byNumber.get(number);
}

const byNumber = new Map<number, AttachType>(
  Object.entries(attachTypes).map(([name, { number }]) => [number, name as AttachType]),
);
