// Attachment points of programs (uapi linux/bpf.h, enum bpf_attach_type) that links here support, with the first kernel
// release that can attach to them by a link.

/**
 * `number`: what bpf(2) knows it by; `minimumKernel`: the first release that has it as a link; `section`: of a program for a
 * cgroup, as libbpf names it.
 */
export const attachTypes = {
  cgroup_inet_ingress: { number: 0, minimumKernel: '5.7', section: 'cgroup_skb/ingress' },
  cgroup_inet_egress: { number: 1, minimumKernel: '5.7', section: 'cgroup_skb/egress' },
  cgroup_inet_sock_create: { number: 2, minimumKernel: '5.7', section: 'cgroup/sock_create' },
  cgroup_sock_ops: { number: 3, minimumKernel: '5.7', section: 'sockops' },
  cgroup_device: { number: 6, minimumKernel: '5.7', section: 'cgroup/dev' },
  cgroup_inet4_bind: { number: 8, minimumKernel: '5.7', section: 'cgroup/bind4' },
  cgroup_inet6_bind: { number: 9, minimumKernel: '5.7', section: 'cgroup/bind6' },
  cgroup_inet4_connect: { number: 10, minimumKernel: '5.7', section: 'cgroup/connect4' },
  cgroup_inet6_connect: { number: 11, minimumKernel: '5.7', section: 'cgroup/connect6' },
  cgroup_inet4_post_bind: { number: 12, minimumKernel: '5.7', section: 'cgroup/post_bind4' },
  cgroup_inet6_post_bind: { number: 13, minimumKernel: '5.7', section: 'cgroup/post_bind6' },
  cgroup_udp4_sendmsg: { number: 14, minimumKernel: '5.7', section: 'cgroup/sendmsg4' },
  cgroup_udp6_sendmsg: { number: 15, minimumKernel: '5.7', section: 'cgroup/sendmsg6' },
  cgroup_sysctl: { number: 18, minimumKernel: '5.7', section: 'cgroup/sysctl' },
  cgroup_udp4_recvmsg: { number: 19, minimumKernel: '5.7', section: 'cgroup/recvmsg4' },
  cgroup_udp6_recvmsg: { number: 20, minimumKernel: '5.7', section: 'cgroup/recvmsg6' },
  cgroup_getsockopt: { number: 21, minimumKernel: '5.7', section: 'cgroup/getsockopt' },
  cgroup_setsockopt: { number: 22, minimumKernel: '5.7', section: 'cgroup/setsockopt' },
  cgroup_inet4_getpeername: { number: 29, minimumKernel: '5.8', section: 'cgroup/getpeername4' },
  cgroup_inet6_getpeername: { number: 30, minimumKernel: '5.8', section: 'cgroup/getpeername6' },
  cgroup_inet4_getsockname: { number: 31, minimumKernel: '5.8', section: 'cgroup/getsockname4' },
  cgroup_inet6_getsockname: { number: 32, minimumKernel: '5.8', section: 'cgroup/getsockname6' },
  cgroup_inet_sock_release: { number: 34, minimumKernel: '5.9', section: 'cgroup/sock_release' },
  sk_lookup: { number: 36, minimumKernel: '5.9' },
  xdp: { number: 37, minimumKernel: '5.9' },
  tcx_ingress: { number: 46, minimumKernel: '6.6' },
  tcx_egress: { number: 47, minimumKernel: '6.6' },
} as const;

export type AttachType = keyof typeof attachTypes;
export type CgroupAttachType = Extract<AttachType, `cgroup_${string}`>;

/** undefined for a type that is not in this table. */
export function attachTypeFromNumber(number: number): AttachType | undefined {
  return byNumber.get(number);
}

const byNumber = new Map<number, AttachType>(
  Object.entries(attachTypes).map(([name, { number }]) => [number, name as AttachType]),
);

/** Where libbpf attaches programs of this section. Undefined for a section that is not a cgroup program's. */
export function cgroupAttachType(section: string): CgroupAttachType | undefined {
  return bySection.get(section);
}

const bySection = new Map<string, CgroupAttachType>(
  Object.entries(attachTypes).flatMap(([name, type]) =>
    'section' in type ? [[type.section, name as CgroupAttachType] as const] : [],
  ),
);
