/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reasons to refuse a packet that arrives at an uplink or another interface of the node.
 */
#pragma once

#include "addresses.h"
#include "packet.h"
#include "quoted.h"
#include "refuse.h"

/*
 * True if the source is that of a pod that never sends by this interface: a pod of this node (or
 * the node itself), or a pod that is reached by another uplink or by a tunnel. `back` is the route
 * to the source.
 */
static __always_inline bool is_spoofed_outside(struct __sk_buff *skb, const struct packet *packet,
					       const struct route *back)
{
	if (!back)
		return locate(&packet->source);
	if (back->kind == ROUTE_NATIVE || back->kind == ROUTE_STACK)
		return !is_interface_of(back, skb->ifindex);
	return back->kind != ROUTE_NODE;
}

/*
 * True for an error about a packet that the pod sent through a tunnel, or an error that hides what
 * it is about. No router sees such a packet, and the other node's errors about it come through the
 * tunnel. `ifindex` is the interface that brought the error.
 *
 * Not static, so that the verifier checks it once instead of once per path to it.
 */
__noinline int is_error_beside_tunnel(struct __sk_buff *skb, const struct packet *packet,
				      __u32 ifindex)
{
	struct quoted quoted = {};
	const struct route *route;

	if (!packet || packet->owner != OWNER_OF_QUOTED)
		return false;
	if (packet->is_piece || !read_quoted(skb, packet, &quoted) || quoted.is_routed)
		return true;
	route = find_route(&quoted.destination);
	return route && route->kind == ROUTE_OVERLAY && !is_interface_of(route, ifindex);
}

/*
 * Returns the reason to refuse a packet for a pod here that arrives at this interface. The address
 * of a router is in no route: its error may be about any of the pod's flows that routers see.
 */
static __always_inline enum drop_reason
refusal_outside(struct __sk_buff *skb, const struct packet *packet, const struct route *back)
{
	if (is_spoofed_outside(skb, packet, back))
		return packet->reason ? packet->reason : DROP_SPOOFED_OUTSIDE;
	if (packet->reason)
		return DROP_NONE;
	if (is_error_beside_tunnel(skb, packet, skb->ifindex))
		return DROP_FORGED_ERROR;
	return back ? refusal_of_icmp(skb, packet, &back->next_hop) : DROP_NONE;
}
