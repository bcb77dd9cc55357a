/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delivery to a node on one of this node's own networks, or to a router there.
 */
#pragma once

#include "addresses.h"
#include "packet.h"

/* The kernel resolves the next hop and writes the Ethernet header. The hop limit is not changed. */
static __always_inline enum verdict send_by_ipv4(__u32 ifindex, __be32 address)
{
	/* The family is that of the next hop, even for an IPv6 packet (RFC 5549). */
	struct bpf_redir_neigh next_hop = {.nh_family = AF_INET, .ipv4_nh = address};

	return bpf_redirect_neigh(ifindex, &next_hop, sizeof(next_hop), 0);
}

static __noinline enum verdict send_to_neighbour(const struct route *route)
{
	struct bpf_redir_neigh next_hop = {.nh_family = AF_INET6};

	if (is_mapped_ipv4(&route->next_hop))
		return send_by_ipv4(route->ifindex, route->next_hop.word[3]);
	__builtin_memcpy(next_hop.ipv6_nh, &route->next_hop, sizeof(route->next_hop));
	return bpf_redirect_neigh(route->ifindex, &next_hop, sizeof(next_hop), 0);
}
