/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet that an ICMP error quotes: its IP header and first transport bytes follow the error's
 * own eight bytes (RFC 792, RFC 4443 3).
 */
#pragma once

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "packet.h"
#include "transport.h"

enum {
	ICMP_HEADER_BYTES = 8,
};

/* Content of the quote; none of it is verified. */
struct quoted {
	struct address source;
	struct address destination;
	/*
	 * 0: the quote ends before the ports, or the protocol has none. For an echo, both ports are
	 * its identifier.
	 */
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol; /* IPv6: that of the first header after the IP header */
	bool is_fragment; /* a later fragment: it has no ports */
	bool is_routed; /* IPv6: it has a routing header, or headers that cannot be followed */
};

/* ICMP header behind the Ethernet and IP headers, or NULL. Later fragments have none. */
static __always_inline const struct icmp_header *icmp_of(struct __sk_buff *skb,
							 const struct packet *packet)
{
	__u8 icmp = packet->is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (packet->is_fragment || packet->protocol != icmp)
		return NULL;
	return header_at(skb, packet->transport, sizeof(struct icmp_header));
}

static __always_inline bool has_quoted_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP;
}

static __always_inline void read_quoted_echo(struct __sk_buff *skb, __u32 offset,
					     struct quoted *quoted)
{
	const struct icmp_header *icmp = header_at(skb, offset, sizeof(*icmp));

	if (!icmp || !is_echo_type(icmp->type, quoted->protocol == IPPROTO_ICMPV6))
		return;
	quoted->source_port = icmp->echo_id;
	quoted->destination_port = icmp->echo_id;
}

static __always_inline void read_quoted_ports(struct __sk_buff *skb, __u32 offset,
					      struct quoted *quoted)
{
	const __be16 *ports;

	if (quoted->is_fragment)
		return;
	if (quoted->protocol == IPPROTO_ICMP || quoted->protocol == IPPROTO_ICMPV6)
		read_quoted_echo(skb, offset, quoted);
	if (!has_quoted_ports(quoted->protocol))
		return;
	ports = header_at(skb, offset, 2 * sizeof(*ports));
	if (!ports)
		return;
	quoted->source_port = ports[0];
	quoted->destination_port = ports[1];
}

static __always_inline bool read_quoted_ipv4(struct __sk_buff *skb, __u32 offset,
					     struct quoted *quoted)
{
	const struct iphdr *ip = header_at(skb, offset, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return false;
	quoted->source.word[2] = bpf_htonl(0xffff);
	quoted->source.word[3] = ip->saddr;
	quoted->destination.word[2] = bpf_htonl(0xffff);
	quoted->destination.word[3] = ip->daddr;
	quoted->protocol = ip->protocol;
	quoted->is_fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK);
	read_quoted_ports(skb, offset + ip->ihl * 4, quoted);
	return true;
}

/*
 * True if the extension headers from `offset` on contain a routing header, or a header that cannot
 * be read. The receiver's kernel takes the last hop in a routing header as the packet's
 * destination.
 */
static __noinline bool has_routing_header(struct __sk_buff *skb, __u32 offset, __u8 protocol)
{
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		const __u8 *header;

		if (!is_extension_header(protocol))
			return false;
		header = header_at(skb, offset, 8);
		if (!header || protocol == IPPROTO_ROUTING)
			return true;
		/* A later fragment has no header behind the fragment header. */
		if (protocol == IPPROTO_FRAGMENT &&
		    (*(__be16 *)(header + 2) & bpf_htons(IPV6_OFFSET_MASK)))
			return false;
		offset += extension_bytes(protocol, header);
		protocol = header[0];
	}
	return is_extension_header(protocol);
}

/* Does not read the ports of a transport header behind extension headers. */
static __always_inline bool read_quoted_ipv6(struct __sk_buff *skb, __u32 offset,
					     struct quoted *quoted)
{
	const struct ipv6hdr *ip = header_at(skb, offset, sizeof(*ip));

	if (!ip || ip->version != 6)
		return false;
	__builtin_memcpy(&quoted->source, &ip->saddr, sizeof(quoted->source));
	__builtin_memcpy(&quoted->destination, &ip->daddr, sizeof(quoted->destination));
	quoted->protocol = ip->nexthdr;
	offset += sizeof(*ip);
	if (is_extension_header(quoted->protocol))
		quoted->is_routed = has_routing_header(skb, offset, quoted->protocol);
	else
		read_quoted_ports(skb, offset, quoted);
	return true;
}

/*
 * Returns false if the error does not quote a complete IP header of its own family. `quoted` is
 * zero before the call. The quote is not checked against the end of a whole IP packet: the receiver
 * refuses a packet whose quote goes beyond it, too. Not static, so that the verifier checks it once
 * instead of once per caller.
 */
__noinline int read_quoted(struct __sk_buff *skb, const struct packet *packet,
			   struct quoted *quoted)
{
	__u32 offset;

	if (!packet || !quoted)
		return false;
	offset = packet->transport + ICMP_HEADER_BYTES;
	return packet->is_ipv4 ? read_quoted_ipv4(skb, offset, quoted)
			       : read_quoted_ipv6(skb, offset, quoted);
}
