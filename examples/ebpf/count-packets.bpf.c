/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts the packets that arrive at an interface, by IP protocol. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct count {
	__u64 packets;
	__u64 bytes;
};

/* Indexed by protocol number; 0: not IP. One slot per CPU, so that counting needs no atomics. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct count);
} counts SEC(".maps");

static __u32 ip_protocol(struct __sk_buff *skb)
{
	__u8 protocol = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_skb_load_bytes_relative(skb, 9, &protocol, 1, BPF_HDR_START_NET);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_skb_load_bytes_relative(skb, 6, &protocol, 1, BPF_HDR_START_NET);
	return protocol;
}

SEC("tc")
int count_packets(struct __sk_buff *skb)
{
	__u32 protocol = ip_protocol(skb);
	struct count *count = bpf_map_lookup_elem(&counts, &protocol);

	if (count) {
		count->packets++;
		count->bytes += skb->len;
	}
	return -1; /* TCX_NEXT: the next program decides */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
