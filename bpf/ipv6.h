/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 header -> struct packet: addresses, extension headers.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include "packet.h"

enum {
	IPV6_OFFSET_MASK = 0xfff8,
	IPV6_PIECE_MASK = 0xfff9,
	JUMBO_HEADER_BYTES = 8,
};

static __always_inline bool is_extension_header(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_AH;
}

/* Length of an extension header, from its own length field (RFC 8200 4). */
static __always_inline __u32 extension_bytes(__u8 protocol, const __u8 *header)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	if (protocol == IPPROTO_AH) /* RFC 4302 2.2: in words of four bytes, minus two */
		return (header[1] + 2) * 4;
	return (header[1] + 1) * 8;
}

/*
 * Moves packet->protocol and packet->transport past the extension headers (RFC 8200 4). Not static,
 * so that the verifier checks it once.
 */
__noinline int skip_extension_headers(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return DROP_MALFORMED;
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		/* The first eight bytes: every extension header is at least that long. */
		const __u8 *header = header_at(skb, packet->transport, 8);

		if (!header)
			return DROP_MALFORMED;
		/* RFC 8200 4.4: segments are left */
		if (packet->protocol == IPPROTO_ROUTING && header[3])
			return DROP_SOURCE_ROUTE;
		if (packet->protocol == IPPROTO_FRAGMENT) {
			packet->is_fragment = *(__be16 *)(header + 2) & bpf_htons(IPV6_OFFSET_MASK);
			/* A second fragment header does not make a fragment a whole packet. */
			packet->is_piece |=
				!!(*(__be16 *)(header + 2) & bpf_htons(IPV6_PIECE_MASK));
		}
		packet->transport += extension_bytes(packet->protocol, header);
		packet->protocol = header[0];
		if (packet->is_fragment || !is_extension_header(packet->protocol))
			return DROP_NONE;
	}
	return DROP_EXTENSION_HEADERS;
}

/*
 * True for IPv4-mapped and IPv4-compatible addresses (RFC 4291 2.5.5). They represent IPv4
 * addresses in an API, not on the wire. Here they would be mistaken for the IPv4 address.
 */
static __always_inline bool stands_for_ipv4(const struct address *address)
{
	if (address->word[0] | address->word[1])
		return false;
	return address->word[2] == bpf_htonl(0xffff) ||
	       (address->word[2] == 0 && bpf_ntohl(address->word[3]) > 1);
}

static __always_inline void set_ipv6_ends(struct packet *packet, const struct ipv6hdr *ip)
{
	__builtin_memcpy(&packet->source, &ip->saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->destination, &ip->daddr, sizeof(packet->destination));
	packet->protocol = ip->nexthdr;
}

/*
 * The kernel adds a hop-by-hop header with the jumbo payload option (RFC 2675) to a BIG TCP packet,
 * and removes it when it creates the segments. If the header counted, each segment would seem too
 * long for the route's MTU.
 */
static __always_inline void leave_out_jumbo_header(struct packet *packet)
{
	packet->header_bytes -= JUMBO_HEADER_BYTES;
	packet->bytes -= JUMBO_HEADER_BYTES;
}

static __always_inline enum drop_reason parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const struct ipv6hdr *ip = header_at(skb, ETH_HLEN, sizeof(*ip));
	bool has_jumbo_header;
	__u32 payload;

	if (!ip || ip->version != 6)
		return DROP_MALFORMED;
	set_ipv6_ends(packet, ip);
	if (stands_for_ipv4(&packet->source) || stands_for_ipv4(&packet->destination))
		return DROP_MALFORMED;
	packet->transport = ETH_HLEN + sizeof(*ip);
	payload = bpf_ntohs(ip->payload_len);
	has_jumbo_header = payload == 0 && packet->protocol == IPPROTO_HOPOPTS && skb->gso_size;
	if (is_extension_header(packet->protocol)) {
		enum drop_reason reason = skip_extension_headers(skb, packet);

		if (reason)
			return reason;
	}
	if (!set_length(skb, packet, payload + sizeof(*ip)))
		return DROP_MALFORMED;
	if (has_jumbo_header)
		leave_out_jumbo_header(packet);
	return DROP_NONE;
}
