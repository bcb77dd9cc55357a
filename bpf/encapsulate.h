/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Encapsulates a pod's packet as the VXLAN device would (RFC 7348). The packet thus bypasses the
 * device, the host's IP output and netfilter. The receiving node cannot tell the difference.
 *
 * Only the usual case is handled: over IPv4, out of the uplink that has this node's own address.
 * For everything else, the caller falls back to the device.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include "maps.h"
#include "packet.h"

enum {
	/* Number of bytes between the outer Ethernet header and the inner IP header. */
	ENCAPSULATION_BYTES = 50,
	/*
	 * Input interface of the node's own packets: routing rules see neither a pod nor an uplink.
	 */
	LOOPBACK_IFINDEX = 1,
	/* Linux's default range of ports for sockets without a fixed port (ip_local_port_range). */
	FIRST_SOURCE_PORT = 32768,
	SOURCE_PORTS = 60999 - 32768,
	VXLAN_HAS_VNI = 1 << 27,
	ECN_MASK = 3,
	ECN_CAPABLE = 2, /* ECT(0) */
	ECN_CONGESTED = 3,
};

/* Two bytes longer than ENCAPSULATION_BYTES: not packed, so that it can be written in words. */
struct outer_headers {
	struct iphdr ip;
	struct udphdr udp;
	__be32 flags;
	__be32 vni;
	struct ethhdr inner;
};

static __always_inline __sum16 header_checksum(const struct iphdr *ip)
{
	const __u16 *half = (const __u16 *)ip;
	__u32 sum = 0;

	for (__u32 i = 0; i < sizeof(*ip) / sizeof(*half); i++)
		sum += half[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/*
 * Copies the ECN bits of the inner packet, but a congestion mark becomes ECT(0), so that it is not
 * reported twice (RFC 3168 9.1.1, the full-functionality option).
 */
static __always_inline __u8 outer_ecn(const struct packet *packet, const __u8 *inner)
{
	__u8 ecn = (packet->is_ipv4 ? inner[1] : inner[1] >> 4) & ECN_MASK;

	return ecn == ECN_CONGESTED ? ECN_CAPABLE : ecn;
}

/* Derived from the inner flow, so that the underlay can spread flows and keep each in order. */
static __always_inline __be16 outer_source_port(__u32 hash)
{
	hash ^= hash << 16;
	return bpf_htons(FIRST_SOURCE_PORT + (((__u64)hash * SOURCE_PORTS) >> 32));
}

/* Returns false if a byte of the packet cannot be reached. `outer` is zero before the call. */
static __always_inline bool write_outer(struct __sk_buff *skb, const struct packet *packet,
					const struct flow_end *to, struct outer_headers *outer)
{
	/* Length of the shorter IP header; both have the traffic class in the first two bytes. */
	const struct ethhdr *ethernet = header_at(skb, 0, sizeof(*ethernet) + sizeof(struct iphdr));
	__u32 length = skb->len - ETH_HLEN + ENCAPSULATION_BYTES;

	if (!ethernet)
		return false;
	outer->inner = *ethernet;
	outer->ip.version = 4;
	outer->ip.ihl = sizeof(outer->ip) / 4;
	outer->ip.tos = outer_ecn(packet, (const __u8 *)(ethernet + 1));
	outer->ip.tot_len = bpf_htons(length);
	outer->ip.ttl = OVERLAY_TTL;
	outer->ip.protocol = IPPROTO_UDP;
	outer->ip.daddr = to->link[0];
	outer->udp.len = bpf_htons(length - sizeof(outer->ip));
	outer->flags = bpf_htonl(VXLAN_HAS_VNI);
	outer->vni = bpf_htonl(to->link[1] << 8);
	return true;
}

/*
 * Finds the next hop. Returns true if the way to the other node leaves by our uplink and carries
 * that many bytes.
 */
static __always_inline bool find_next_hop(struct __sk_buff *skb, const struct outer_headers *outer,
					  __u32 bytes, struct bpf_fib_lookup *fib)
{
	__u32 uplink = fib->ifindex;

	fib->family = AF_INET;
	fib->l4_protocol = IPPROTO_UDP;
	fib->sport = outer->udp.source;
	fib->dport = outer->udp.dest;
	fib->tot_len = bytes;
	fib->ifindex = LOOPBACK_IFINDEX;
	fib->ipv4_src = outer->ip.saddr;
	fib->ipv4_dst = outer->ip.daddr;
	if (bpf_fib_lookup(skb, fib, sizeof(*fib), BPF_FIB_LOOKUP_SKIP_NEIGH))
		return false;
	return fib->ifindex == uplink && fib->family == AF_INET;
}

/*
 * Sends the packet out of the uplink to the node whose address and VNI are in `to`. `earlier` is
 * the number of packets of the flow that went the same way before. VERDICT_NONE: this packet cannot
 * be encapsulated here, and is unchanged.
 *
 * The outer packet may be fragmented on its way, so it needs an identification. It starts at a
 * value from the flow's hash and counts the flow's packets, because the receiving node merges only
 * packets with consecutive identifications (GRO).
 */
static __noinline enum verdict encapsulate(struct __sk_buff *skb, struct packet *packet,
					   const struct flow_end *to, __u32 earlier)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);
	__u32 segment = skb->gso_size ? packet->header_bytes + skb->gso_size : skb->len - ETH_HLEN;
	struct bpf_redir_neigh next_hop = {.nh_family = AF_INET};
	struct outer_headers outer = {};
	struct bpf_fib_lookup fib = {};
	__u32 hash;

	/* 1. No such uplink. 2. A GSO packet too long for the length field of the outer header. */
	if (!own || !own->ifindex || skb->len > 0xffff - ENCAPSULATION_BYTES)
		return VERDICT_NONE;
	fib.ifindex = own->ifindex;
	outer.ip.saddr = own->address.word[3];
	outer.udp.dest = own->port;
	hash = bpf_get_hash_recalc(skb);
	outer.udp.source = outer_source_port(hash);
	outer.ip.id = bpf_htons(hash + earlier);
	/*
	 * 3. Bytes out of reach. 4. Another way. 5. A kind of GSO that the kernel does not tunnel.
	 */
	if (!write_outer(skb, packet, to, &outer) ||
	    !find_next_hop(skb, &outer, segment + ENCAPSULATION_BYTES, &fib))
		return VERDICT_NONE;
	outer.ip.check = header_checksum(&outer.ip);
	if (bpf_skb_adjust_room(skb, ENCAPSULATION_BYTES, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
					BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
					BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN) |
					BPF_F_ADJ_ROOM_ENCAP_L2_ETH))
		return VERDICT_NONE;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &outer, ENCAPSULATION_BYTES, 0)) {
		packet->reason = DROP_NO_TUNNEL;
		return VERDICT_DROP;
	}
	next_hop.ipv4_nh = fib.ipv4_dst;
	/* The kernel resolves the neighbour and writes the outer Ethernet header. */
	return bpf_redirect_neigh(fib.ifindex, &next_hop, sizeof(next_hop), 0);
}
