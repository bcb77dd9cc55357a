/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that a pod may not send although its MAC and its source address are its own, and packets
 * that another node may not send to a pod here although the source address is that node's. Checked
 * only for packets that are looked up: a refused packet opens no flow, so no flow vouches for one.
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

/*
 * True for addresses that are never on a network: RFC 1122 3.2.1.3 (127/8, 0/8), RFC 4291 2.5.2 and
 * 2.5.3.
 */
static __always_inline bool is_martian(const struct address *address, bool is_ipv4)
{
	__u32 first = bpf_ntohl(address->word[3]) >> 24;

	if (is_ipv4)
		return first == 127 || first == 0;
	return (address->word[0] | address->word[1] | address->word[2]) == 0 &&
	       bpf_ntohl(address->word[3]) <= 1;
}

/*
 * True if the stack delivers the packet locally. This finds addresses that the agent does not know:
 * other interfaces of this node, Services' addresses on it. Also true if the stack does not
 * forward.
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
 * True for a packet to the port where nodes take packets out of tunnels, at any address of any
 * node: the packet in its payload, whatever it says, would come out there. The first fragment of a
 * datagram has the ports, and without it no stack reassembles the others.
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
		return !is_pod(location);
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
 * True if the address is at the node: a pod's there, or the node's own. `node` is the next hop of
 * the routes to the node's pods. This node's ranges and the world have no next hop.
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
 * A genuine error goes to the sender of the packet that it quotes, and comes from that packet's
 * destination or from that destination's node. Any other error is about the traffic of others, and
 * would change their path MTU or connections. The same holds if the quote names a second
 * destination, in a routing header. An error whose quote cannot be read is of no use to its
 * receiver. Nor is an error in fragments: no error is long enough to need them (RFC 1812 4.3.2.3,
 * RFC 4443 2.4 (c)), and a fragment may bring a quote that is not checked here.
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
 * Returns the reason to refuse ICMP that would speak for others. `node` is the next hop of the
 * routes to the other node that the packet came from; NULL: it came from a pod here.
 *
 * Not static, so that the verifier checks it once instead of once per caller.
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
