/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ways on from here: into a local pod, out to a neighbour, into the tunnel.
 *
 * A redirect that the kernel refuses after we returned (an interface just removed) is the one drop
 * no program can see; the interface's own tx_dropped counter has it.
 */
#pragma once

#include "addresses.h"
#include "packet.h"
#include "transport.h"

/*
 * Out of the host side of the veth, where the queue is that holds the pod to its limit. to_pod sees
 * the packet on that way, so counting it is left to to_pod: the receiver's traffic and the flow.
 * The kernel writes the MACs, from the permanent neighbour entry of the pod.
 */
static __noinline enum verdict deliver_queued(struct packet *packet,
					      const struct location *location)
{
	struct bpf_redir_neigh next_hop = {};

	packet->receiver = 0;
	packet->has_flow = false;
	if (packet->is_ipv4) {
		next_hop.nh_family = 2; /* AF_INET */
		next_hop.ipv4_nh = packet->destination.word[3];
	} else {
		next_hop.nh_family = 10; /* AF_INET6 */
		__builtin_memcpy(next_hop.ipv6_nh, &packet->destination,
				 sizeof(packet->destination));
	}
	return bpf_redirect_neigh(location->ifindex, &next_hop, sizeof(next_hop), 0);
}

/*
 * Straight into the pod's namespace, as if it came out of the pod's side of the veth: no second
 * queue, no host stack. The MACs stay as they are: the packet was addressed to this node
 * (PACKET_HOST), which is all that the pod's stack asks; rewriting them costs 1 % of a round trip
 * and would serve tcpdump's eyes only.
 */
static __always_inline enum verdict deliver(struct packet *packet, const struct location *location)
{
	if (location->queued)
		return deliver_queued(packet, location);
	return bpf_redirect_peer(location->ifindex, 0);
}

/* The kernel resolves next_hop and writes the Ethernet header. The hop limit stays as it is. */
static __noinline enum verdict send_to_neighbour(const struct route *route)
{
	struct bpf_redir_neigh next_hop = {};

	if (is_mapped_ipv4(&route->next_hop)) {
		next_hop.nh_family = 2; /* AF_INET, also for an IPv6 packet (RFC 5549) */
		next_hop.ipv4_nh = route->next_hop.word[3];
	} else {
		next_hop.nh_family = 10; /* AF_INET6 */
		__builtin_memcpy(next_hop.ipv6_nh, &route->next_hop, sizeof(route->next_hop));
	}
	return bpf_redirect_neigh(route->ifindex, &next_hop, sizeof(next_hop), 0);
}

/* IPv6 outside needs its UDP checksum (RFC 8200 8.1); over IPv4 it is left out (RFC 7348 5). */
static __noinline bool set_tunnel(struct __sk_buff *skb, const struct route *route)
{
	struct bpf_tunnel_key key = {.tunnel_id = route->vni, .tunnel_ttl = OVERLAY_TTL};
	__u64 flags;

	if (is_mapped_ipv4(&route->next_hop)) {
		key.remote_ipv4 = bpf_ntohl(route->next_hop.word[3]); /* the kernel wants it so */
		flags = BPF_F_ZERO_CSUM_TX;
	} else {
		__builtin_memcpy(key.remote_ipv6, &route->next_hop, sizeof(route->next_hop));
		flags = BPF_F_TUNINFO_IPV6;
	}
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags) == 0;
}

/* A packet from a pod to an address that is neither here nor this node. */
static __always_inline enum verdict route_out(struct __sk_buff *skb, struct packet *packet)
{
	const struct route *route = find_route(&packet->destination);

	/* 1. Not a pod address at all: the world, and the stack masquerades. */
	if (!route)
		return VERDICT_NEXT;
	/* 2. Of this node's range but nobody's: the stack's unreachable route tells the sender. */
	if (route->kind == ROUTE_LOCAL) {
		packet->reason = DROP_NO_ENDPOINT;
		return VERDICT_NEXT;
	}
	/* 3. A flow that kernel NAT may own. */
	if (packet->through_stack)
		return VERDICT_NEXT;
	/* 4. Too long: the stack fragments, or answers with the ICMP error of path-MTU discovery. */
	if (exceeds(skb, packet, route->mtu))
		return VERDICT_NEXT;
	/* 5. To the node that has it. */
	if (route->kind == ROUTE_NATIVE)
		return send_to_neighbour(route);
	if (!set_tunnel(skb, route)) {
		packet->reason = DROP_NO_TUNNEL;
		return VERDICT_DROP;
	}
	return bpf_redirect(route->ifindex, 0);
}
