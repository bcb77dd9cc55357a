/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ways on from here: into a local pod, out to a neighbour, to another node through a tunnel.
 *
 * A redirect that the kernel refuses after we returned (an interface just removed) is the one drop
 * no program can see; the interface's own tx_dropped counter has it.
 */
#pragma once

#include "addresses.h"
#include "encapsulate.h"
#include "ends.h"
#include "owner.h"
#include "packet.h"
#include "transport.h"

/* In skb->tc_index, which nothing on a node uses, from deliver_queued to to_pod. */
static const __u16 QUEUED = 0x6864;

/*
 * Out of the host side of the veth, where the queue is that holds the pod to its limit. to_pod sees
 * the packet on that way, so counting it is left to to_pod: the receiver's traffic and the flow.
 * The kernel writes the MACs, from the permanent neighbour entry of the pod.
 */
static __noinline enum verdict deliver_queued(struct __sk_buff *skb, struct packet *packet,
					      const struct location *location)
{
	struct bpf_redir_neigh next_hop = {};

	packet->receiver = 0;
	packet->has_flow = false;
	skb->tc_index = QUEUED;
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

/* Did this packet come from deliver_queued? Asked once. */
static __always_inline bool was_queued(struct __sk_buff *skb)
{
	if (skb->tc_index != QUEUED)
		return false;
	skb->tc_index = 0;
	return true;
}

/*
 * Straight into the pod's namespace, as if it came out of the pod's side of the veth: no second
 * queue, no host stack. The MACs stay as they are: the packet was addressed to this node
 * (PACKET_HOST), which is all that the pod's stack asks; rewriting them costs 1 % of a round trip
 * and would serve tcpdump's eyes only.
 */
static __always_inline enum verdict deliver(struct __sk_buff *skb, struct packet *packet,
					    const struct location *location)
{
	if (location->queued)
		return deliver_queued(skb, packet, location);
	return bpf_redirect_peer(location->ifindex, 0);
}

/* The kernel resolves the next hop and writes the Ethernet header. The hop limit stays as it is. */
static __always_inline enum verdict send_by_ipv4(__u32 ifindex, __be32 address)
{
	/* AF_INET, also for an IPv6 packet (RFC 5549). */
	struct bpf_redir_neigh next_hop = {.nh_family = 2, .ipv4_nh = address};

	return bpf_redirect_neigh(ifindex, &next_hop, sizeof(next_hop), 0);
}

static __noinline enum verdict send_to_neighbour(const struct route *route)
{
	struct bpf_redir_neigh next_hop = {.nh_family = 10}; /* AF_INET6 */

	if (is_mapped_ipv4(&route->next_hop))
		return send_by_ipv4(route->ifindex, route->next_hop.word[3]);
	__builtin_memcpy(next_hop.ipv6_nh, &route->next_hop, sizeof(route->next_hop));
	return bpf_redirect_neigh(route->ifindex, &next_hop, sizeof(next_hop), 0);
}

/*
 * Over IPv4 the outer UDP checksum is left out (RFC 7348 5). The source is the address that the other
 * node knows this one by, or it would not believe the packet (tunnel.h).
 */
static __noinline bool set_ipv4_tunnel(struct __sk_buff *skb, __be32 remote, __u32 vni)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);
	struct bpf_tunnel_key key = {
		.tunnel_id = vni,
		.tunnel_ttl = OVERLAY_TTL,
		.remote_ipv4 = bpf_ntohl(remote), /* the kernel wants it so */
	};

	if (own && is_mapped_ipv4(&own->address))
		key.local_ipv4 = bpf_ntohl(own->address.word[3]);
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX) == 0;
}

/* IPv6 outside needs its UDP checksum (RFC 8200 8.1). */
static __noinline bool set_tunnel(struct __sk_buff *skb, const struct route *route)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);
	struct bpf_tunnel_key key = {.tunnel_id = route->vni, .tunnel_ttl = OVERLAY_TTL};

	if (is_mapped_ipv4(&route->next_hop))
		return set_ipv4_tunnel(skb, route->next_hop.word[3], route->vni);
	__builtin_memcpy(key.remote_ipv6, &route->next_hop, sizeof(route->next_hop));
	if (own && !is_mapped_ipv4(&own->address))
		__builtin_memcpy(key.local_ipv6, &own->address, sizeof(own->address));
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6) == 0;
}

/*
 * To another node by its IPv4 address, encapsulated here or else by the VXLAN device. VERDICT_NONE:
 * neither could.
 */
static __always_inline enum verdict tunnel(struct __sk_buff *skb, struct packet *packet,
					   const struct flow_end *to, __u32 sent)
{
	enum verdict verdict = encapsulate(skb, packet, to, sent);

	if (verdict != VERDICT_NONE)
		return verdict;
	if (!set_ipv4_tunnel(skb, to->link[0], to->link[1]))
		return VERDICT_NONE;
	return bpf_redirect(to->ifindex, 0);
}

/*
 * A packet from a pod to an address that is neither here nor this node. The way that is taken goes
 * into `to`.
 */
static __always_inline enum verdict route_out(struct __sk_buff *skb, struct packet *packet,
					      const struct flow_match *match, struct found_end *to)
{
	const struct route *route = find_route(&packet->destination);
	enum verdict verdict = VERDICT_NONE;

	/*
	 * 1. Not a pod address at all: another node or the world, and the stack masquerades. Or a pod
	 * whose answers only the stack can receive.
	 */
	if (!route || route->kind == ROUTE_NODE || route->kind == ROUTE_STACK) {
		found_stack(to, &packet->destination);
		return VERDICT_NEXT;
	}
	/* 2. Of this node's range but nobody's: the stack's unreachable route tells the sender. */
	if (route->kind == ROUTE_LOCAL) {
		packet->reason = DROP_NO_ENDPOINT;
		return VERDICT_NEXT;
	}
	found_route(to, &packet->destination, route);
	/* 3. A flow that kernel NAT owns. */
	if (stays_on_stack(skb, packet, match))
		return VERDICT_NEXT;
	/* 4. Too long: the stack fragments, or answers with the ICMP error of path-MTU discovery. */
	if (exceeds(skb, packet, route->mtu)) {
		keep_untracked(skb);
		return VERDICT_NEXT;
	}
	/* 5. To the node that has it. */
	if (route->kind == ROUTE_NATIVE)
		return send_to_neighbour(route);
	if (to->way == WAY_TUNNEL)
		verdict = tunnel(skb, packet, &to->end, 0);
	else if (set_tunnel(skb, route))
		verdict = bpf_redirect(route->ifindex, 0);
	if (verdict != VERDICT_NONE)
		return verdict;
	packet->reason = DROP_NO_TUNNEL;
	return VERDICT_DROP;
}

static __noinline enum verdict send_by_route(const struct address *address)
{
	const struct route *route = find_route(address);

	if (!route || route->kind != ROUTE_NATIVE)
		return VERDICT_NONE;
	return send_to_neighbour(route);
}

/* By what the flow remembers of the other end. VERDICT_NONE: not this packet. */
static __always_inline enum verdict go_known_way(struct __sk_buff *skb, struct packet *packet,
						 const struct flow_end *to, enum flow_way way,
						 __u32 sent)
{
	if (way == WAY_POD) {
		packet->receiver = to->endpoint_id;
		return bpf_redirect_peer(to->ifindex, 0);
	}
	if (way == WAY_STACK)
		return VERDICT_NEXT;
	if (exceeds(skb, packet, to->mtu))
		return VERDICT_NONE;
	if (way == WAY_NEIGHBOUR)
		return send_by_ipv4(to->ifindex, to->link[0]);
	if (way == WAY_TUNNEL)
		return tunnel(skb, packet, to, sent);
	if (way == WAY_NEIGHBOUR_IPV6)
		return send_by_route(&packet->destination);
	return VERDICT_NONE;
}
