/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ways of a packet from a pod: by its route, or by what its flow remembers.
 */
#pragma once

#include "addresses.h"
#include "deliver-neighbour.h"
#include "deliver-pod.h"
#include "deliver-tunnel.h"
#include "flow-ends.h"
#include "owner.h"
#include "packet.h"
#include "transport.h"

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
