/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes -> struct packet, first half: from the Ethernet header to the addresses.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include "packet.h"

enum {
	IPV4_OFFSET_MASK = 0x1fff,
	IPV4_PIECE_MASK = 0x3fff, /* the offset, and "more fragments" */
	IPV6_OFFSET_MASK = 0xfff8,
	IPV6_PIECE_MASK = 0xfff9,
	MAX_OPTION_BYTES = 40,
	OPTION_END = 0,
	OPTION_NOTHING = 1,
	OPTION_LOOSE_SOURCE_ROUTE = 0x83,
	OPTION_STRICT_SOURCE_ROUTE = 0x89,
	JUMBO_HEADER_BYTES = 8,
};

/*
 * `length` is what the IP header says. That of a GSO packet counts for nothing: each of its segments gets
 * one of its own, and a BIG TCP packet's does not fit there.
 */
static __always_inline bool set_length(struct __sk_buff *skb, struct packet *packet, __u32 length)
{
	__u32 carried = skb->len - ETH_HLEN;

	if (skb->gso_size)
		length = carried;
	packet->bytes = length;
	packet->header_bytes = packet->transport - ETH_HLEN;
	return length <= carried && length >= packet->header_bytes;
}

struct options {
	__u8 byte[MAX_OPTION_BYTES];
	__u32 next; /* where the next option begins */
	bool is_route;
};

/* For bpf_loop, which the verifier walks once: 1 ends it. */
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

/* By its IPv4 options (RFC 791 3.1), read as the kernel reads them. */
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

static __always_inline bool is_extension_header(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_AH;
}

/* The length that the header itself says (RFC 8200 4). */
static __always_inline __u32 extension_bytes(__u8 protocol, const __u8 *header)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	if (protocol == IPPROTO_AH) /* RFC 4302 2.2: in words of four bytes, less two */
		return (header[1] + 2) * 4;
	return (header[1] + 1) * 8;
}

/*
 * Moves packet->protocol and packet->transport past the extension headers (RFC 8200 4). Not static,
 * for the verifier's sake.
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
		/* RFC 8200 4.4: hops that are still to be made */
		if (packet->protocol == IPPROTO_ROUTING && header[3])
			return DROP_SOURCE_ROUTE;
		if (packet->protocol == IPPROTO_FRAGMENT) {
			packet->is_fragment = *(__be16 *)(header + 2) & bpf_htons(IPV6_OFFSET_MASK);
			packet->is_piece = *(__be16 *)(header + 2) & bpf_htons(IPV6_PIECE_MASK);
		}
		packet->transport += extension_bytes(packet->protocol, header);
		packet->protocol = header[0];
		if (packet->is_fragment || !is_extension_header(packet->protocol))
			return DROP_NONE;
	}
	return DROP_EXTENSION_HEADERS;
}

/*
 * IPv4-mapped and IPv4-compatible addresses (RFC 4291 2.5.5) stand for IPv4 in an API, not on a
 * wire. Here they would be taken for the IPv4 address.
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
 * The kernel gives a BIG TCP packet a hop-by-hop header with the jumbo payload option (RFC 2675), and
 * removes it when it makes the segments. With it each of them would seem too long for the way.
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

/* As far as the addresses and the place of the transport header, whatever tag the kernel took off. */
static __always_inline enum drop_reason parse_ip(struct __sk_buff *skb, struct packet *packet)
{
	packet->bytes = skb->len - ETH_HLEN;
	packet->segments = 1;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, packet);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, packet);
	return DROP_NOT_IP;
}

static __always_inline enum drop_reason refuse_tag(struct __sk_buff *skb, struct packet *packet)
{
	packet->bytes = skb->len - ETH_HLEN;
	packet->segments = 1;
	return DROP_NOT_IP;
}

/* Refuses every tag: neither a pod nor another node's tunnel has a use for one. */
static __always_inline enum drop_reason parse_network(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->vlan_present)
		return refuse_tag(skb, packet);
	return parse_ip(skb, packet);
}
