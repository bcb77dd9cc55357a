/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a pod may not send although its MAC and its source address are its own, and what another node
 * may not send to a pod here although the source address is that node's. Asked only for packets that
 * are looked up: a refused packet opens no flow, so no flow vouches for one.
 */
#pragma once

#include "addresses.h"
#include "maps.h"
#include "packet.h"
#include "quoted.h"

enum {
	ND_FIRST = 133, /* router solicitation */
	ND_LAST = 137, /* redirect */
};

/* RFC 1122 3.2.1.3 (127/8, 0/8), RFC 4291 2.5.2 and 2.5.3: never on a network. */
static __always_inline bool is_martian(const struct address *address, bool is_ipv4)
{
	__u32 first = bpf_ntohl(address->word[3]) >> 24;

	if (is_ipv4)
		return first == 127 || first == 0;
	return (address->word[0] | address->word[1] | address->word[2]) == 0 &&
	       bpf_ntohl(address->word[3]) <= 1;
}

/*
 * Does the stack take it for itself? Of addresses that the agent knows nothing of: other interfaces
 * of this node, Services' addresses on it. Where the stack forwards nothing, the answer is yes.
 */
static __noinline bool is_taken_by_stack(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_fib_lookup fib = {.ifindex = packet->ifindex};
	long found;

	if (packet->is_ipv4) {
		fib.family = AF_INET;
		fib.ipv4_src = packet->source.word[3];
		fib.ipv4_dst = packet->destination.word[3];
	} else {
		fib.family = AF_INET6;
		__builtin_memcpy(fib.ipv6_src, &packet->source, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, &packet->destination, sizeof(fib.ipv6_dst));
	}
	found = bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_SKIP_NEIGH);
	return found < 0 || found == BPF_FIB_LKUP_RET_NOT_FWDED ||
	       found == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/*
 * To the port where nodes take packets out of tunnels, at any address of any node: the packet would
 * come out again as whatever its payload says. The first fragment of a datagram has the ports, and
 * without it no stack puts the others together.
 */
static __noinline bool is_for_tunnel(struct __sk_buff *skb, const struct packet *packet,
				     const struct location *location)
{
	const struct underlay *own;
	const struct route *route;
	__u32 zero = 0;

	if (packet->protocol != IPPROTO_UDP || packet->is_fragment)
		return false;
	own = bpf_map_lookup_elem(&underlay, &zero);
	if (!own || !own->port || packet->destination_port != own->port)
		return false;
	if (location)
		return location->kind == LOCATION_HOST;
	route = find_route(&packet->destination);
	if (route)
		return route->kind == ROUTE_NODE;
	return is_taken_by_stack(skb, packet);
}

static __always_inline bool is_neighbour_discovery(struct __sk_buff *skb,
						   const struct packet *packet)
{
	const struct icmp_header *icmp = packet->is_ipv4 ? NULL : icmp_of(skb, packet);

	return icmp && icmp->type >= ND_FIRST && icmp->type <= ND_LAST;
}

/*
 * Is it an address at the node: of a pod there, or the node's own? `node` is the next hop of the routes to
 * the node's pods. This node's ranges and the world have none.
 */
static __always_inline bool is_at_node(const struct address *address, const struct address *node)
{
	const struct route *route;

	if (same_address(address, node))
		return true;
	route = find_route(address);
	return route && same_address(&route->next_hop, node);
}

/*
 * An error goes to the sender of the packet that it is about, and comes from where that packet was
 * sent, or from the node that it was sent to: anything else is about traffic of others, whose path MTU
 * or connections it would change. So is one whose quote names a second destination, in a routing
 * header. One whose quote cannot be read is of no use to its receiver. Nor is one in fragments, since no
 * error is that long (RFC 1812 4.3.2.3, RFC 4443 2.4 (c)), and a fragment may bring a quote that is not
 * looked at here.
 */
static __always_inline bool is_forged_error(struct __sk_buff *skb, const struct packet *packet,
					    const struct address *node)
{
	struct quoted quoted = {};

	if (packet->owner != OWNER_OF_QUOTED)
		return false;
	if (packet->is_piece || !read_quoted(skb, packet, &quoted) || quoted.is_routed ||
	    !same_address(&quoted.source, &packet->destination))
		return true;
	if (same_address(&quoted.destination, &packet->source))
		return false;
	return !node || !is_at_node(&quoted.destination, node);
}

/*
 * The reason not to pass on ICMP that would speak for others. `node` is the next hop of the routes to
 * the other node that the packet came from, NULL if it came from a pod here.
 *
 * Not static, so that the verifier reads it once and not for each of its callers.
 */
__noinline int refusal_of_icmp(struct __sk_buff *skb, const struct packet *packet,
			       const struct address *node)
{
	if (!packet)
		return DROP_MALFORMED;
	if (is_neighbour_discovery(skb, packet))
		return DROP_NEIGHBOUR_DISCOVERY;
	return is_forged_error(skb, packet, node) ? DROP_FORGED_ERROR : DROP_NONE;
}

/* The order is the precedence of drop reasons. */
static __always_inline enum drop_reason refusal(struct __sk_buff *skb, const struct packet *packet,
						const struct location *location)
{
	if (is_martian(&packet->destination, packet->is_ipv4))
		return DROP_MARTIAN;
	if (is_for_tunnel(skb, packet, location))
		return DROP_TUNNEL_PORT;
	return refusal_of_icmp(skb, packet, NULL);
}
