/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lookups and checks of a packet's sender, and lookups of the location of its destination. */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "maps.h"
#include "packet.h"

static __always_inline const struct endpoint *find_endpoint(__u32 ifindex)
{
	struct endpoint_key key = {.ifindex = ifindex};

	return bpf_map_lookup_elem(&endpoints, &key);
}

static __always_inline const struct location *locate(const struct address *address)
{
	return bpf_map_lookup_elem(&addresses, address);
}

static __always_inline bool is_pod(const struct location *location)
{
	return location && location->kind == LOCATION_ENDPOINT;
}

static __noinline const struct route *find_route(const struct address *address)
{
	struct route_key key = {.prefix_length = 128, .address = *address};

	return bpf_map_lookup_elem(&routes, &key);
}

/* True if pods behind this route may send from this interface: one, or any of several uplinks. */
static __always_inline bool is_interface_of(const struct route *route, __u32 ifindex)
{
	return ifindex == route->ifindex || ifindex == route->other_ifindex[0] ||
	       ifindex == route->other_ifindex[1] || ifindex == route->other_ifindex[2];
}

/*
 * True if the packet has a pod's source address but does not come from that pod's interface. A
 * packet without an interface comes from this node's stack: from a transparent proxy, or for a rule
 * that rejects. The nftables chain `local_sources` drops what other processes send.
 */
static __noinline bool comes_from_elsewhere(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 ifindex = skb->ingress_ifindex;
	const struct location *location;
	const struct route *route;

	if (!ifindex)
		return false;
	location = locate(&packet->source);
	if (location)
		return location->kind == LOCATION_ENDPOINT && location->ifindex != ifindex;
	route = find_route(&packet->source);
	if (!route || route->kind == ROUTE_NODE)
		return false;
	return route->kind == ROUTE_LOCAL || !is_interface_of(route, ifindex);
}

static __always_inline bool same_address(const struct address *a, const struct address *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		(a->word[3] ^ b->word[3])) == 0;
}

static __always_inline bool is_absent(const struct address *address)
{
	return (address->word[0] | address->word[1] | address->word[2] | address->word[3]) == 0;
}

static __always_inline bool is_mapped_ipv4(const struct address *address)
{
	return (address->word[0] | address->word[1]) == 0 && address->word[2] == bpf_htonl(0xffff);
}

/*
 * Destinations that never leave their link: multicast, IPv4 broadcast, IPv6 link-local. IPv4's
 * 169.254.0.0/16 is not included: clouds serve their metadata there, and the node's routes decide
 * about it.
 */
static __always_inline bool stays_on_link(const struct packet *packet)
{
	__u32 first = bpf_ntohl(packet->destination.word[0]);
	__u32 last = bpf_ntohl(packet->destination.word[3]);

	if (packet->is_ipv4)
		return last >> 28 == 0xe || last == 0xffffffff;
	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6;
}

/*
 * True if the source MAC is the pod's own. Compares a 4-byte and a 2-byte word: otherwise clang
 * uses twelve byte loads, or calls a memcmp that does not exist.
 */
static __always_inline bool has_mac_of(struct __sk_buff *skb, const struct endpoint *endpoint)
{
	const struct ethhdr *ethernet = header_at(skb, 0, sizeof(*ethernet));
	const __u8 *own = endpoint->mac.byte;
	const __u8 *source;

	if (!ethernet)
		return false;
	source = ethernet->h_source;
	return *(__u32 *)source == *(__u32 *)own && *(__u16 *)(source + 4) == *(__u16 *)(own + 4);
}

static __always_inline bool has_address_of(const struct packet *packet,
					   const struct endpoint *endpoint)
{
	const struct address *own = packet->is_ipv4 ? &endpoint->ipv4 : &endpoint->ipv6;

	/* An address that the pod does not have is all zero here. */
	return same_address(&packet->source, own) && !is_absent(own);
}
