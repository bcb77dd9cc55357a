/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv4 header -> struct packet: addresses, fragmentation, options.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include "packet.h"

enum {
	IPV4_OFFSET_MASK = 0x1fff,
	IPV4_PIECE_MASK = 0x3fff, /* the offset and the flag "more fragments" */
	MAX_OPTION_BYTES = 40,
	OPTION_END = 0,
	OPTION_NOTHING = 1,
	OPTION_LOOSE_SOURCE_ROUTE = 0x83,
	OPTION_STRICT_SOURCE_ROUTE = 0x89,
};

struct options {
	__u8 byte[MAX_OPTION_BYTES];
	__u32 next; /* offset of the next option */
	bool is_route;
};

/* Callback of bpf_loop(), which the verifier checks once. Returning 1 ends the loop. */
static long look_at_option(__u64 at, void *context)
{
	struct options *options = context;
	__u8 kind;

	if (at >= MAX_OPTION_BYTES - 1)
		return 1;
	if (at < options->next)
		return 0;
	kind = options->byte[at];
	if (kind == OPTION_END)
		return 1;
	if (kind == OPTION_NOTHING)
		return 0;
	options->is_route = kind == OPTION_LOOSE_SOURCE_ROUTE || kind == OPTION_STRICT_SOURCE_ROUTE;
	options->next = at + options->byte[at + 1];
	return options->is_route;
}

/* True if the IPv4 options (RFC 791 3.1), read as the kernel reads them, have a source route. */
static __noinline bool is_source_routed(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 bytes = packet->header_bytes - sizeof(struct iphdr);
	struct options options = {};

	if (bytes == 0 || bytes > sizeof(options.byte))
		return false;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct iphdr), options.byte, bytes))
		return false;
	bpf_loop(MAX_OPTION_BYTES, look_at_option, &options, 0);
	return options.is_route;
}

static __always_inline void set_ipv4_ends(struct packet *packet, const struct iphdr *ip)
{
	packet->is_ipv4 = true;
	packet->source.word[2] = bpf_htonl(0xffff);
	packet->source.word[3] = ip->saddr;
	packet->destination.word[2] = bpf_htonl(0xffff);
	packet->destination.word[3] = ip->daddr;
	packet->protocol = ip->protocol;
	packet->is_fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK);
	packet->is_piece = ip->frag_off & bpf_htons(IPV4_PIECE_MASK);
}

static __always_inline enum drop_reason parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip = header_at(skb, ETH_HLEN, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return DROP_MALFORMED;
	set_ipv4_ends(packet, ip);
	packet->transport = ETH_HLEN + ip->ihl * 4;
	if (!set_length(skb, packet, bpf_ntohs(ip->tot_len)))
		return DROP_MALFORMED;
	if (packet->header_bytes > sizeof(*ip) && is_source_routed(skb, packet))
		return DROP_SOURCE_ROUTE;
	return DROP_NONE;
}
