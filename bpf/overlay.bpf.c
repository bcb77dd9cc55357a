/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs at the two hooks of the VXLAN device, where the tunnels of this node end.
 */
#include <linux/errno.h>
#include <linux/if_packet.h>
#include "addresses.h"
#include "deliver-tunnel.h"
#include "enter.h"
#include "finish.h"
#include "ids.h"
#include "owner.h"
#include "recall.h"
#include "refuse.h"
#include "service.h"
#include "transport.h"
#include "tunnel.h"
#include "walk.h"

/* Makes this node's stack, or a pod, accept the packet whatever its inner destination MAC is. */
static __always_inline void take_up(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
}

/* Step 7 for a receiver that the flow remembers. */
static __always_inline void enter_known_pod(struct __sk_buff *skb, struct walk *walk)
{
	const struct flow_end *to = &walk->found.receiver.end;

	walk->packet.ifindex = to->ifindex;
	walk->packet.receiver = to->endpoint_id;
	take_up(skb);
	stop(walk, bpf_redirect_peer(to->ifindex, 0));
}

/*
 * Steps 5-7 for a packet to the pod at walk->location. `back` is the route to its sender. Packets
 * that another node sends from its own address take the stack, as the pod's replies to that address
 * do.
 */
static __always_inline void enter_pod_from_tunnel(struct __sk_buff *skb, struct walk *walk,
						  const struct route *back)
{
	struct packet *packet = &walk->packet;

	/* Before Linux 6.15 a redirect keeps the packet type, so set it first. */
	take_up(skb);
	/* 5. Policy will decide here, too: ingress of the receiver. */
	if (!packet->reason)
		packet->reason = refusal_of_icmp(skb, packet, &back->next_hop);
	/* 6. to_pod counts the packet after it has passed the stack. */
	if (!packet->reason &&
	    (back->kind == ROUTE_NODE || stays_on_stack(skb, packet, &walk->match))) {
		stop_untraced(walk, VERDICT_NEXT);
		return;
	}
	found_pod(&walk->found.receiver, &packet->destination, walk->location);
	enter_endpoint(skb, walk); /* 7 */
}

/*
 * 6.2 This node: the other direction of its own traffic with remote pods, or a pod that uses a node
 * port here (4). The addresses of Services never come by a tunnel.
 */
static __always_inline void take_up_for_node(struct __sk_buff *skb, struct walk *walk)
{
	__u32 mark = 0;

	take_up(skb);
	if (services_on)
		mark = service_mark(skb, &walk->packet, walk->location, true);
	if (mark)
		leave_to_service(skb, walk, mark);
}

/* Step 6 for a packet that is not for a pod here: it is for the node, or went astray. */
static __always_inline void leave_tunnel(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	const struct route *route;

	/* The stack decides about truncated transport headers. */
	packet->reason = DROP_NONE;
	walk->verdict = VERDICT_NEXT;
	if (walk->location) {
		take_up_for_node(skb, walk);
		return;
	}
	if (stays_on_link(packet)) {
		drop(walk, DROP_LINK_LOCAL);
		return;
	}
	/*
	 * 6.4 In this node's range, but no pod has it: the stack's unreachable route answers the
	 * sender.
	 */
	route = find_route(&packet->destination);
	if (route && route->kind == ROUTE_LOCAL) {
		packet->reason = DROP_NO_ENDPOINT;
		take_up(skb);
		return;
	}
	/* The address is another node's, or no node's: the sender's routes are stale. */
	drop(walk, DROP_NO_TUNNEL);
}

/*
 * Steps 3-7 for each packet whose way no flow remembers: with or without a flow, to a pod or the
 * node.
 */
static __always_inline void look_up_pod(struct __sk_buff *skb, struct walk *walk,
					const struct outer *outer)
{
	const struct route *back = route_to_sender(outer, &walk->packet.source); /* 3 */

	if (!back) {
		refuse_sender(walk);
		return;
	}
	begin_lookups(walk);
	found_route(&walk->found.sender, &walk->packet.source, back);
	/* 4. The sender's node has already translated a Service's own address. */
	walk->location = locate(&walk->packet.destination);
	if (walk->location && walk->location->kind == LOCATION_ENDPOINT)
		enter_pod_from_tunnel(skb, walk, back); /* 5-7 */
	else
		leave_tunnel(skb, walk); /* 6 */
}

static __noinline int look_up_from_tunnel(struct __sk_buff *skb, struct walk *walk,
					  const struct outer *outer)
{
	look_up_pod(skb, walk, outer); /* 3-7 */
	return record(skb, walk, false); /* 8 */
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct walk walk;
	struct outer outer = {};

	begin_walk(&walk, 0, INGRESS);
	begin_match(&walk.match, current_generation());
	if (!read_from_tunnel(skb, &walk, &outer)) /* 1 */
		return record(skb, &walk, false); /* 8 */
	if (recall_receiver(&walk, &outer)) { /* 2 */
		enter_known_pod(skb, &walk); /* 7 */
		return record(skb, &walk, true); /* 8 */
	}
	return look_up_from_tunnel(skb, &walk, &outer); /* 3-8 */
}

/*
 * True for from_pod's packets, which come here with a tunnel key. Packets that the stack sends into
 * the tunnel (the node's own traffic with remote pods) have none yet.
 */
static __noinline bool has_tunnel_key(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key;

	/* The result is 0 for an IPv4 key, -EPROTO for an IPv6 key, -EINVAL without a key. */
	return bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) != -EINVAL;
}

/* Steps 1-7 for a packet without a tunnel key. */
static __always_inline bool leave_to_overlay(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	enum drop_reason reason = parse_network(skb, packet); /* 1 */
	const struct route *route;

	packet->has_flow = false; /* Ports are not read. */
	if (reason)
		return drop(walk, reason);
	if (stays_on_link(packet)) /* 3 */
		return drop(walk, DROP_LINK_LOCAL);
	if (comes_from_elsewhere(skb, packet)) /* 5 */
		return drop(walk, DROP_SPOOFED_OUTSIDE);
	route = find_route(&packet->destination); /* 6 */
	if (!route || route->kind != ROUTE_OVERLAY || !set_tunnel(skb, route)) /* 7 */
		return drop(walk, DROP_NO_TUNNEL);
	/*
	 * A VXLAN device drops a packet whose inner source MAC is its own, as a loop. All nodes
	 * share one MAC, so that they need no neighbour entries for each other. Any other will do.
	 */
	bpf_skb_store_bytes(skb, ETH_ALEN, &node_mac, sizeof(node_mac), 0);
	return stop(walk, VERDICT_NEXT);
}

SEC("tc")
int to_overlay(struct __sk_buff *skb)
{
	struct walk walk;

	skb->priority = TUNNEL_PRIORITY;
	if (has_tunnel_key(skb))
		return VERDICT_NEXT;
	begin_walk(&walk, 0, EGRESS);
	leave_to_overlay(skb, &walk);
	return record(skb, &walk, false); /* 8 */
}
