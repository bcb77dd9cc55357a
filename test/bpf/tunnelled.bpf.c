/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives a test run's packet the metadata that a VXLAN device gives to what it receives, and goes on
 * with the program in question.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../../bpf/shared.h"

struct outer_header {
	struct address source;
	struct address destination;
	__u32 vni;
	__u32 absent; /* 1: the packet has come out of no tunnel */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct outer_header);
} outer_header SEC(".maps");

enum { TESTED, NOTHING, PROGRAMS };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PROGRAMS);
	__type(key, __u32);
	__type(value, __u32);
} inner_program SEC(".maps");

static long set_key(struct __sk_buff *skb, const struct outer_header *outer)
{
	struct bpf_tunnel_key key = {.tunnel_id = outer->vni, .tunnel_ttl = 64};

	/* What is "local" when it is set is the remote end for whoever reads it: the source. */
	if (outer->source.word[2] == bpf_htonl(0xffff)) {
		key.local_ipv4 = bpf_ntohl(outer->source.word[3]);
		key.remote_ipv4 = bpf_ntohl(outer->destination.word[3]);
		return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0);
	}
	__builtin_memcpy(key.local_ipv6, &outer->source, sizeof(outer->source));
	__builtin_memcpy(key.remote_ipv6, &outer->destination, sizeof(outer->destination));
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
}

static __always_inline int enter(struct __sk_buff *skb, __u32 program)
{
	__u32 zero = 0;
	const struct outer_header *outer = bpf_map_lookup_elem(&outer_header, &zero);

	if (outer && !outer->absent && set_key(skb, outer))
		return 98;
	bpf_tail_call(skb, &inner_program, program);
	return 99;
}

SEC("tc")
int out_of_tunnel(struct __sk_buff *skb)
{
	return enter(skb, TESTED);
}

/* What of the time of a run is not the tested program's. */
SEC("tc")
int nothing_out_of_tunnel(struct __sk_buff *skb)
{
	return enter(skb, NOTHING);
}

SEC("tc")
int nothing(struct __sk_buff *skb)
{
	return skb->len ? -1 : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
