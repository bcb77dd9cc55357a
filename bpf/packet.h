/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes -> struct packet. Every read goes through header_at(), which checks bounds and pulls bytes
 * of a non-linear packet into reach; nothing is written.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "config.h"
#include "shared.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

enum {
	IPV4_OFFSET_MASK = 0x1fff,
	IPV6_OFFSET_MASK = 0xfff8,
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO_REQUEST = 8,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	SCTP_HEADER_BYTES = 12,
};

/* linux/icmp.h and linux/icmpv6.h drag in the C library's headers. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 echo_id;
	__be16 echo_sequence;
};

struct packet {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 transport; /* where the transport header begins, from the Ethernet header on */
	__u32 header_bytes; /* IP and transport headers: what every segment of it has */
	__u32 bytes; /* as on a wire: a GSO packet's headers count once a segment */
	__u32 segments;
	__u32 ifindex; /* host-side veth of the endpoint that sees it; 0: none */
	enum traffic_direction direction; /* seen from that endpoint */
	__u32 sender; /* endpoint id, 0: not an endpoint of this node */
	__u32 receiver; /* endpoint id */
	enum drop_reason reason;
	__u8 protocol;
	__u8 tcp_flags;
	bool is_ipv4;
	bool is_fragment; /* not the first one: it has no transport header */
	bool has_flow; /* a later fragment and an ICMP error have none */
};

/* A pointer to `size` bytes at `offset`, or NULL. Earlier pointers into the packet die. */
static __always_inline void *header_at(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (offset > MAX_HEADER_OFFSET)
		return NULL;
	if (data + offset + size <= data_end)
		return data + offset;
	/* The rest may lie in page fragments (packet sockets and some drivers do that). */
	if (bpf_skb_pull_data(skb, offset + size))
		return NULL;
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	return data + offset + size <= data_end ? data + offset : NULL;
}

/* `length` is what the IP header says, 0 in a BIG TCP packet whose length does not fit there. */
static __always_inline bool set_length(struct __sk_buff *skb, struct packet *packet, __u32 length)
{
	__u32 carried = skb->len - ETH_HLEN;

	if (length == 0 && skb->gso_size)
		length = carried;
	packet->bytes = length;
	packet->header_bytes = packet->transport - ETH_HLEN;
	return length <= carried && length >= packet->header_bytes;
}

static __always_inline enum drop_reason parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip = header_at(skb, ETH_HLEN, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return DROP_MALFORMED;
	packet->is_ipv4 = true;
	packet->source.word[2] = bpf_htonl(0xffff);
	packet->source.word[3] = ip->saddr;
	packet->destination.word[2] = bpf_htonl(0xffff);
	packet->destination.word[3] = ip->daddr;
	packet->protocol = ip->protocol;
	packet->is_fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK);
	packet->transport = ETH_HLEN + ip->ihl * 4;
	return set_length(skb, packet, bpf_ntohs(ip->tot_len)) ? DROP_NONE : DROP_MALFORMED;
}

static __always_inline bool is_extension_header(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS ||
	       protocol == IPPROTO_AH;
}

/* Moves packet->protocol and packet->transport past the extension headers (RFC 8200 4). */
static __noinline enum drop_reason skip_extension_headers(struct __sk_buff *skb,
							  struct packet *packet)
{
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		/* The first eight bytes: every extension header is at least that long. */
		const __u8 *header = header_at(skb, packet->transport, 8);
		__u32 length;

		if (!header)
			return DROP_MALFORMED;
		switch (packet->protocol) {
		case IPPROTO_FRAGMENT:
			packet->is_fragment = *(__be16 *)(header + 2) & bpf_htons(IPV6_OFFSET_MASK);
			length = 8;
			break;
		case IPPROTO_AH: /* RFC 4302 2.2: in words of four bytes, less two */
			length = (header[1] + 2) * 4;
			break;
		default:
			length = (header[1] + 1) * 8;
		}
		packet->protocol = header[0];
		packet->transport += length;
		if (packet->is_fragment || !is_extension_header(packet->protocol))
			return DROP_NONE;
	}
	return DROP_EXTENSION_HEADERS;
}

static __always_inline enum drop_reason parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const struct ipv6hdr *ip = header_at(skb, ETH_HLEN, sizeof(*ip));
	__u32 payload;

	if (!ip || ip->version != 6)
		return DROP_MALFORMED;
	__builtin_memcpy(&packet->source, &ip->saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->destination, &ip->daddr, sizeof(packet->destination));
	packet->protocol = ip->nexthdr;
	packet->transport = ETH_HLEN + sizeof(*ip);
	payload = bpf_ntohs(ip->payload_len);
	if (is_extension_header(packet->protocol)) {
		enum drop_reason reason = skip_extension_headers(skb, packet);

		if (reason)
			return reason;
	}
	if (payload || !skb->gso_size)
		payload += sizeof(struct ipv6hdr);
	return set_length(skb, packet, payload) ? DROP_NONE : DROP_MALFORMED;
}

/* As far as the addresses and the place of the transport header. */
static __always_inline enum drop_reason parse_network(struct __sk_buff *skb, struct packet *packet)
{
	packet->bytes = skb->len - ETH_HLEN;
	packet->segments = 1;
	if (skb->vlan_present)
		return DROP_NOT_IP;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, packet);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, packet);
	return DROP_NOT_IP;
}

/* The transport header, if all of it lies inside the IP packet (not in a link's padding). */
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
	return true;
}

/*
 * An echo's identifier stands for both ports. All other ICMP (above all the errors of path-MTU
 * discovery) belongs to no flow of its own: it is counted and passed on.
 */
static __always_inline bool parse_icmp(struct __sk_buff *skb, struct packet *packet, bool is_v6)
{
	const struct icmp_header *icmp = transport_at(skb, packet, sizeof(*icmp));
	__u8 request = is_v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;
	__u8 reply = is_v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;

	if (!icmp)
		return false;
	packet->has_flow = icmp->type == request || icmp->type == reply;
	if (packet->has_flow) {
		packet->source_port = icmp->echo_id;
		packet->destination_port = icmp->echo_id;
	}
	packet->header_bytes += sizeof(*icmp);
	return true;
}

/* A GSO packet stands for many: count them, and their headers, as they would be on a wire. */
static __always_inline void count_segments(struct __sk_buff *skb, struct packet *packet)
{
	__u32 size = skb->gso_size;
	__u32 payload = packet->bytes - packet->header_bytes;

	if (size == 0)
		return;
	/* Tap devices and packet sockets leave the number to the kernel. */
	packet->segments = skb->gso_segs;
	if (packet->segments == 0)
		packet->segments = (payload + size - 1) / size;
	if (packet->segments > 1)
		packet->bytes += (packet->segments - 1) * packet->header_bytes;
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
	count_segments(skb, packet);
	return DROP_NONE;
}

static __always_inline enum drop_reason parse(struct __sk_buff *skb, struct packet *packet)
{
	enum drop_reason reason = parse_network(skb, packet);

	return reason ? reason : parse_transport(skb, packet);
}

/* Would it, or a segment of it, be longer than `mtu` bytes of IP packet? */
static __always_inline bool exceeds(struct __sk_buff *skb, const struct packet *packet, __u32 mtu)
{
	if (skb->gso_size)
		return packet->header_bytes + skb->gso_size > mtu;
	return packet->bytes > mtu;
}
