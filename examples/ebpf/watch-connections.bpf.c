/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reports every attempt to open a TCP connection through an interface. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct attempt {
	__be32 source[4]; /* IPv4 as ::ffff:a.b.c.d */
	__be32 destination[4];
	__be16 source_port;
	__be16 destination_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} attempts SEC(".maps");

/* Attempts that found the ring full: the kernel does not count them, so the program must. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static void count_lost(void)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&lost, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static void tell(struct attempt *attempt)
{
	if (bpf_ringbuf_output(&attempts, attempt, sizeof(*attempt), 0))
		count_lost();
}

/* Fills in the addresses. Returns the offset of the TCP header, or a negative number: not TCP. */
static int read_addresses(struct __sk_buff *skb, struct attempt *attempt)
{
	struct iphdr v4;
	struct ipv6hdr v6;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, &v4, sizeof(v4)) ||
		    v4.protocol != IPPROTO_TCP)
			return -1;
		attempt->source[2] = attempt->destination[2] = bpf_htonl(0xffff);
		attempt->source[3] = v4.saddr;
		attempt->destination[3] = v4.daddr;
		return ETH_HLEN + v4.ihl * 4;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, &v6, sizeof(v6)) || v6.nexthdr != IPPROTO_TCP)
			return -1;
		__builtin_memcpy(attempt->source, &v6.saddr, sizeof(v6.saddr));
		__builtin_memcpy(attempt->destination, &v6.daddr, sizeof(v6.daddr));
		return ETH_HLEN + sizeof(v6);
	}
	return -1;
}

SEC("tc")
int watch_connections(struct __sk_buff *skb)
{
	struct attempt attempt = {};
	struct tcphdr tcp;
	int offset = read_addresses(skb, &attempt);

	if (offset < 0 || bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)))
		return -1;
	if (tcp.syn && !tcp.ack) {
		attempt.source_port = tcp.source;
		attempt.destination_port = tcp.dest;
		tell(&attempt);
	}
	return -1; /* TCX_NEXT */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
