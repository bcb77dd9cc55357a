/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet that an ICMP error is about: its IP header and first transport bytes stand behind the
 * error's own eight bytes (RFC 792, RFC 4443 3).
 */
#pragma once

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "packet.h"
#include "transport.h"

enum {
	ICMP_HEADER_BYTES = 8,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
	ICMPV6_FIRST_INFORMATION = 128, /* every type below is an error */
};

/* As the quote says; nothing of it is proven. */
struct quoted {
	struct address source;
	struct address destination;
	__be16 source_port; /* 0: the quote ends before the ports, or the protocol has none */
	__be16 destination_port;
	__u8 protocol; /* IPv6: of the first header after the IP header */
	bool is_fragment; /* not the first one: it has no ports */
};

/* Behind Ethernet and IP header. Later fragments have no ICMP header. */
static __always_inline const struct icmp_header *icmp_of(struct __sk_buff *skb,
							 const struct packet *packet)
{
	__u8 icmp = packet->is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (packet->is_fragment || packet->protocol != icmp)
		return NULL;
	return header_at(skb, packet->transport, sizeof(struct icmp_header));
}

static __always_inline bool is_error_type(__u8 type, bool is_ipv4)
{
	if (!is_ipv4)
		return type < ICMPV6_FIRST_INFORMATION;
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

/* Has the packet, whose transport header parse() has checked, an ICMP header of an error? */
static __noinline bool is_icmp_error(struct __sk_buff *skb, const struct packet *packet)
{
	const struct icmp_header *icmp = icmp_of(skb, packet);

	return icmp && is_error_type(icmp->type, packet->is_ipv4);
}

static __always_inline bool has_quoted_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP;
}

static __always_inline void read_quoted_ports(struct __sk_buff *skb, __u32 offset,
					      struct quoted *quoted)
{
	const __be16 *ports;

	if (quoted->is_fragment || !has_quoted_ports(quoted->protocol))
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

/* Extension headers are not followed: what stands behind them has no ports here. */
static __always_inline bool read_quoted_ipv6(struct __sk_buff *skb, __u32 offset,
					     struct quoted *quoted)
{
	const struct ipv6hdr *ip = header_at(skb, offset, sizeof(*ip));

	if (!ip || ip->version != 6)
		return false;
	__builtin_memcpy(&quoted->source, &ip->saddr, sizeof(quoted->source));
	__builtin_memcpy(&quoted->destination, &ip->daddr, sizeof(quoted->destination));
	quoted->protocol = ip->nexthdr;
	read_quoted_ports(skb, offset + sizeof(*ip), quoted);
	return true;
}

/*
 * False: the error does not quote as much as an IP header of its own family. `quoted` is zero
 * before. Bytes behind the end of the IP packet are not looked for: what they say is refused by the
 * receiver, too.
 */
static __noinline bool read_quoted(struct __sk_buff *skb, const struct packet *packet,
				   struct quoted *quoted)
{
	__u32 offset = packet->transport + ICMP_HEADER_BYTES;

	return packet->is_ipv4 ? read_quoted_ipv4(skb, offset, quoted)
			       : read_quoted_ipv6(skb, offset, quoted);
}
