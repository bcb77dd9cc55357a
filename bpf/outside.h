/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet may not come by an uplink.
 */
#pragma once

#include "addresses.h"
#include "packet.h"
#include "quoted.h"
#include "refuse.h"

/*
 * Has the packet, for a pod here, the source of a pod that never sends by this interface: a pod of
 * this node (or the node itself), one that is reached by another uplink, or by a tunnel? `back` is
 * the route to the source.
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
 * Is it an error about what the pod sent through a tunnel, or would it hide whether it is? No router
 * sees such a packet, and what the other node says of it comes by the tunnel.
 *
 * Not static, so that the verifier reads it once and not for each way to it.
 */
__noinline int is_error_beside_tunnel(struct __sk_buff *skb, const struct packet *packet)
{
	struct quoted quoted = {};
	const struct route *route;

	if (!packet || packet->owner != OWNER_OF_QUOTED)
		return false;
	if (packet->is_piece || !read_quoted(skb, packet, &quoted) || quoted.is_routed)
		return true;
	route = find_route(&quoted.destination);
	return route && route->kind == ROUTE_OVERLAY;
}

/*
 * Why a packet for a pod here may not come by this interface. An error of a router, whose address no
 * route has, may be about any of the pod's flows that routers see.
 */
static __always_inline enum drop_reason
refusal_outside(struct __sk_buff *skb, const struct packet *packet, const struct route *back)
{
	if (is_spoofed_outside(skb, packet, back))
		return packet->reason ? packet->reason : DROP_SPOOFED_OUTSIDE;
	if (packet->reason)
		return DROP_NONE;
	if (is_error_beside_tunnel(skb, packet))
		return DROP_FORGED_ERROR;
	return back ? refusal_of_icmp(skb, packet, &back->next_hop) : DROP_NONE;
}
