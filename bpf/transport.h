/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes -> struct packet, second half: ports and segments. */
#pragma once

#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "network.h"
#include "packet.h"

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	SCTP_HEADER_BYTES = 12,
};

/* linux/icmp.h and linux/icmpv6.h include headers of the C library. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 echo_id;
	__be16 echo_sequence;
};

/* The transport header, if it is completely inside the IP packet (not in a link's padding). */
static __always_inline const void *transport_at(struct __sk_buff *skb, struct packet *packet,
						__u32 size)
{
	if (packet->bytes < packet->header_bytes + size)
		return NULL;
	return header_at(skb, packet->transport, size);
}

static __always_inline bool parse_tcp(struct __sk_buff *skb, struct packet *packet)
{
	const struct tcphdr *tcp = transport_at(skb, packet, sizeof(*tcp));

	if (!tcp || tcp->doff < 5)
		return false;
	packet->source_port = tcp->source;
	packet->destination_port = tcp->dest;
	packet->tcp_flags = ((const __u8 *)tcp)[13];
	packet->header_bytes += tcp->doff * 4;
	packet->owner = (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
				? OWNER_ASKED_ABOUT_REPLY
				: OWNER_ASKED;
	/* Not the first two of a connection: the entry may be an earlier one's (flow.h). */
	packet->goes_by_entry = !(packet->tcp_flags & TCP_SYN);
	return packet->header_bytes <= packet->bytes;
}

/* UDP, UDP-Lite and SCTP begin with the two ports. */
static __always_inline bool parse_ports(struct __sk_buff *skb, struct packet *packet, __u32 size)
{
	const __be16 *ports = transport_at(skb, packet, size);

	if (!ports)
		return false;
	packet->source_port = ports[0];
	packet->destination_port = ports[1];
	packet->header_bytes += size;
	if (packet->protocol == IPPROTO_UDP) {
		packet->owner = OWNER_ASKED;
		packet->goes_by_entry = true;
	}
	return true;
}

static __always_inline bool is_echo_type(__u8 type, bool is_v6)
{
	__u8 request = is_v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;
	__u8 reply = is_v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;

	return type == request || type == reply;
}

/*
 * RFC 4443 2.1: types below 128. RFC 1122 3.2.2: the types that quote a packet, including
 * redirects.
 */
static __always_inline bool is_error_type(__u8 type, bool is_v6)
{
	if (is_v6)
		return type < ICMPV6_ECHO_REQUEST;
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

static __always_inline enum owner owner_of_icmp(__u8 type, bool is_v6)
{
	if (is_error_type(type, is_v6))
		return OWNER_OF_QUOTED;
	if (!is_echo_type(type, is_v6))
		return OWNER_UNKNOWN;
	if (type == (is_v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY))
		return OWNER_OF_REQUEST;
	return OWNER_OF_NEW_REQUEST;
}

/*
 * An echo's identifier is used for both ports. All other ICMP (mainly the errors of path-MTU
 * discovery) has no flow of its own: it is counted and passed on.
 */
static __always_inline bool parse_icmp(struct __sk_buff *skb, struct packet *packet, bool is_v6)
{
	const struct icmp_header *icmp = transport_at(skb, packet, sizeof(*icmp));

	if (!icmp)
		return false;
	packet->has_flow = is_echo_type(icmp->type, is_v6);
	/* The ICMP number of the other family is treated like any other protocol. */
	if (is_v6 != packet->is_ipv4) {
		packet->owner = owner_of_icmp(icmp->type, is_v6);
		packet->goes_by_entry = packet->has_flow;
	}
	if (packet->has_flow) {
		packet->source_port = icmp->echo_id;
		packet->destination_port = icmp->echo_id;
	}
	packet->header_bytes += sizeof(*icmp);
	return true;
}

/*
 * A GSO packet represents many packets: count them, and their headers, as on the wire. Not static:
 * at this call the verifier forgets what it knows about the packet, and checks the rest of the
 * program once instead of once for each kind of packet.
 */
__noinline int count_segments(struct __sk_buff *skb, struct packet *packet)
{
	__u32 size = skb->gso_size;
	__u32 payload;

	if (size == 0 || !packet)
		return 0;
	payload = packet->bytes - packet->header_bytes;
	/* Tap devices and packet sockets let the kernel compute the number. */
	packet->segments = skb->gso_segs;
	if (packet->segments == 0)
		packet->segments = (payload + size - 1) / size;
	if (packet->segments > 1)
		packet->bytes += (packet->segments - 1) * packet->header_bytes;
	return 0;
}

static __always_inline enum drop_reason parse_transport(struct __sk_buff *skb,
							struct packet *packet)
{
	bool complete = true;

	packet->has_flow = !packet->is_fragment;
	if (packet->is_fragment)
		return DROP_NONE;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		complete = parse_tcp(skb, packet);
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		complete = parse_ports(skb, packet, sizeof(struct udphdr));
		break;
	case IPPROTO_SCTP:
		complete = parse_ports(skb, packet, SCTP_HEADER_BYTES);
		break;
	case IPPROTO_ICMP:
		complete = parse_icmp(skb, packet, false);
		break;
	case IPPROTO_ICMPV6:
		complete = parse_icmp(skb, packet, true);
		break;
	}
	if (!complete)
		return DROP_MALFORMED;
	if (packet->is_piece)
		packet->goes_by_entry = false;
	count_segments(skb, packet);
	return DROP_NONE;
}

static __always_inline enum drop_reason parse(struct __sk_buff *skb, struct packet *packet)
{
	enum drop_reason reason = parse_network(skb, packet);

	return reason ? reason : parse_transport(skb, packet);
}

/* True if the packet, or a segment of it, is longer than `mtu` bytes, IP header included. */
static __always_inline bool exceeds(struct __sk_buff *skb, const struct packet *packet, __u32 mtu)
{
	if (skb->gso_size)
		return packet->header_bytes + skb->gso_size > mtu;
	return packet->bytes > mtu;
}
