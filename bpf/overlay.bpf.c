/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two hooks of the VXLAN device, where the tunnels of this node end.
 */
#include <linux/errno.h>
#include <linux/if_packet.h>
#include "addresses.h"
#include "deliver-tunnel.h"
#include "enter.h"
#include "finish.h"
#include "owner.h"
#include "recall.h"
#include "refuse.h"
#include "transport.h"
#include "tunnel.h"

/* Hands it to this node's stack, whatever the inner destination MAC was. */
static __always_inline enum verdict take_up(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return VERDICT_NEXT;
}

/*
 * The tunnel ends here: an inner packet is for a pod of this node, for the node, or astray. `back` is
 * the route to its sender. What another node sends by its own address takes the stack, as the pod's
 * answers to that address do.
 */
static __always_inline enum verdict enter_from_overlay(struct __sk_buff *skb, struct packet *packet,
						       const struct flow_match *match,
						       const struct route *back,
						       struct found_ends *found)
{
	const struct location *location = locate(&packet->destination);
	const struct route *route;

	/* 1. A pod here. Before Linux 6.15 a redirect keeps the packet type, so set it first. */
	if (location && location->kind == LOCATION_ENDPOINT) {
		take_up(skb);
		if (!packet->reason)
			packet->reason = refusal_of_icmp(skb, packet, &back->next_hop);
		/* Accounted in to_pod, when it has passed the stack. */
		if (!packet->reason &&
		    (back->kind == ROUTE_NODE || stays_on_stack(skb, packet, match))) {
			packet->has_flow = false;
			return VERDICT_NEXT;
		}
		found_pod(&found->receiver, &packet->destination, location);
		return enter_endpoint(skb, packet, location);
	}
	/* Whose header is cut off is for the stack to say. */
	packet->reason = DROP_NONE;
	/* 2. This node: the other end of its own traffic with remote pods. */
	if (location)
		return take_up(skb);
	if (stays_on_link(packet))
		return drop(packet, DROP_LINK_LOCAL);
	/* 3. Of our range but nobody's: the stack's unreachable route tells the sender. */
	route = find_route(&packet->destination);
	if (route && route->kind == ROUTE_LOCAL) {
		packet->reason = DROP_NO_ENDPOINT;
		return take_up(skb);
	}
	/* 4. Another node's, or nobody's: the sender's routes are stale. */
	return drop(packet, DROP_NO_TUNNEL);
}

static __noinline int look_up_from_overlay(struct __sk_buff *skb, struct packet *packet,
					   const struct flow_match *match, const struct route *back)
{
	struct found_ends found = {};
	enum verdict verdict;

	found_route(&found.sender, &packet->source, back);
	verdict = enter_from_overlay(skb, packet, match, back, &found);
	return finish_found(packet, match, &found, verdict);
}

/*
 * The receiver's interface, if the entry remembers it, and the sender is remembered or looked up; 0:
 * not this packet.
 */
static __always_inline __u32 known_receiver(struct packet *packet, const struct flow_match *match,
					    const struct outer *outer)
{
	enum flow_direction sent = match->sent & 1;
	struct found_end sender, receiver;

	if (!match->flow || !packet->goes_by_entry || match->flow->path == FLOW_THROUGH_STACK)
		return 0;
	if (!recall_end(match, sent, &sender) || !recall_end(match, !sent, &receiver))
		return 0;
	if (receiver.way != WAY_POD || receiver.end.address != packet->destination.word[3])
		return 0;
	if (!is_remembered(outer, packet, &sender) && !route_to_sender(outer, &packet->source))
		return 0;
	packet->ifindex = receiver.end.ifindex;
	packet->receiver = receiver.end.endpoint_id;
	return receiver.end.ifindex;
}

/* Whoever sent it is not who it says; what cannot be read is no better for it. */
static __always_inline int refuse_sender(struct packet *packet)
{
	if (!packet->reason)
		packet->reason = DROP_SPOOFED_TUNNEL;
	return finish(packet, VERDICT_DROP);
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct packet packet = {.direction = INGRESS};
	struct flow_match match = begin_match(current_generation());
	struct outer outer = {};
	const struct route *back;
	__u32 ifindex;

	packet.reason = parse_network(skb, &packet);
	if (packet.reason)
		return finish(&packet, VERDICT_DROP);
	packet.reason = parse_transport(skb, &packet);
	if (!read_outer(skb, &outer) || !is_for_us(&outer))
		return refuse_sender(&packet);
	if (!packet.reason && packet.has_flow) {
		recall_flow(&packet, &match);
		ifindex = known_receiver(&packet, &match, &outer);
		if (ifindex) {
			take_up(skb);
			return finish_known(&packet, &match, bpf_redirect_peer(ifindex, 0));
		}
	}
	/* Of each packet that no entry answers for: with a flow or without, for a pod or the node. */
	back = route_to_sender(&outer, &packet.source);
	if (!back)
		return refuse_sender(&packet);
	return look_up_from_overlay(skb, &packet, &match, back);
}

/*
 * What the stack sends into the tunnel (the node's own traffic with remote pods) has no tunnel key
 * yet; from_pod's packets come here too, and have one.
 */
static __always_inline enum verdict leave_to_overlay(struct __sk_buff *skb, struct packet *packet)
{
	/*
	 * VXLAN devices drop a packet whose inner source MAC is their own, as a loop; and all nodes
	 * share one, so that they need no neighbour entries for each other. Any other will do.
	 */
	static const struct mac source = {{0x02, 0x68, 0x65, 0x64, 0x64, 0x6e}};
	struct bpf_tunnel_key key;
	enum drop_reason reason;
	const struct route *route;

	/* 1. It has a key: of IPv4, or of IPv6 (then EPROTO); without one it is EINVAL. */
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) != -EINVAL)
		return VERDICT_NEXT;
	reason = parse_network(skb, packet);
	if (reason)
		return drop(packet, reason);
	if (stays_on_link(packet))
		return drop(packet, DROP_LINK_LOCAL);
	if (comes_from_elsewhere(skb, packet))
		return drop(packet, DROP_SPOOFED_OUTSIDE);
	route = find_route(&packet->destination);
	if (!route || route->kind != ROUTE_OVERLAY || !set_tunnel(skb, route))
		return drop(packet, DROP_NO_TUNNEL);
	bpf_skb_store_bytes(skb, ETH_ALEN, &source, sizeof(source), 0);
	return VERDICT_NEXT;
}

SEC("tc")
int to_overlay(struct __sk_buff *skb)
{
	struct packet packet = {.direction = EGRESS};
	enum verdict verdict = leave_to_overlay(skb, &packet);

	return finish(&packet, verdict);
}
