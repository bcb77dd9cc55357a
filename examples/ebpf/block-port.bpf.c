/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps the processes of a cgroup from connecting to a port: connect(2) and sendto(2) fail with
 * EPERM.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Set before the object is loaded. */
const volatile __u16 blocked_port;

/* Number of refused attempts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} refusals SEC(".maps");

static int allow(struct bpf_sock_addr *address)
{
	__u32 zero = 0;
	__u64 *refused;

	if (bpf_ntohs(address->user_port) != blocked_port)
		return 1;
	refused = bpf_map_lookup_elem(&refusals, &zero);
	if (refused)
		__sync_fetch_and_add(refused, 1);
	return 0;
}

SEC("cgroup/connect4")
int block_connect4(struct bpf_sock_addr *address)
{
	return allow(address);
}

SEC("cgroup/connect6")
int block_connect6(struct bpf_sock_addr *address)
{
	return allow(address);
}

SEC("cgroup/sendmsg4")
int block_sendmsg4(struct bpf_sock_addr *address)
{
	return allow(address);
}

SEC("cgroup/sendmsg6")
int block_sendmsg6(struct bpf_sock_addr *address)
{
	return allow(address);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
