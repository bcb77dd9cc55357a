/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs at the two hooks of a pod's host-side veth. Its ingress is the pod's egress.
 */
#include "addresses.h"
#include "checksum.h"
#include "departure.h"
#include "find.h"
#include "finish.h"
#include "limit.h"
#include "outside.h"
#include "recall.h"
#include "refuse.h"
#include "service.h"
#include "take-way.h"
#include "transport.h"
#include "walk.h"

/*
 * Makes a verdict final at a pod's interface. A program of an earlier version may run there by tcx
 * until the agent removes it. A packet that it lets pass must not go through the filter as well, or
 * it is counted twice.
 */
static __always_inline int answer(int verdict)
{
	return verdict == VERDICT_NEXT ? VERDICT_PASS : verdict;
}

/*
 * 1. Step 3 refuses a packet that cannot be read: a limited pod's packet has to wait before that.
 */
static __always_inline void read_from_pod(struct __sk_buff *skb, struct packet *packet)
{
	packet->reason = parse(skb, packet);
	if (!packet->reason && is_rewritten_later(skb, packet))
		packet->reason = DROP_MALFORMED;
}

/* 3. The order is the precedence of drop reasons. */
static __always_inline bool identify_sender(struct __sk_buff *skb, struct walk *walk,
					    const struct endpoint *endpoint)
{
	struct packet *packet = &walk->packet;

	packet->sender = endpoint ? endpoint->id : 0;
	/* 3.1 A packet that could not be read. */
	if (packet->reason)
		return drop(walk, packet->reason);
	/* 3.2 Noise comes before spoofing: NDP and MLD use addresses that no endpoint has. */
	if (stays_on_link(packet))
		return drop(walk, DROP_LINK_LOCAL);
	/* 3.3 An interface without an endpoint (yet). */
	if (!endpoint)
		return drop(walk, DROP_UNKNOWN_ENDPOINT);
	/* 3.4 The MAC and the address must be the endpoint's own. */
	if (!has_mac_of(skb, endpoint))
		return drop(walk, DROP_SPOOFED_MAC);
	if (!has_address_of(packet, endpoint))
		return drop(walk, DROP_SPOOFED_ADDRESS);
	/* Each packet of a limited pod has to be looked up, so its flow remembers no sender. */
	if (!endpoint->queue)
		found_sender(&walk->found.sender, packet, endpoint);
	return true;
}

/* 5. A pod may not send packets that speak for others or go where no pod has to (refuse.h). */
static __always_inline bool may_send(struct __sk_buff *skb, struct walk *walk)
{
	enum drop_reason reason = refusal(skb, &walk->packet, walk->location);

	return reason ? drop(walk, reason) : true;
}

/* Steps 3-7 for a packet whose way its flow does not remember. */
static __always_inline void look_up_way(struct __sk_buff *skb, struct walk *walk)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	__u32 mark = 0;
	enum flow_way way;

	begin_lookups(walk);
	if (waits_in_queue(skb, walk, endpoint) || !identify_sender(skb, walk, endpoint)) /* 3 */
		return;
	walk->location = locate(&walk->packet.destination);
	if (services_on && !is_pod(walk->location))
		mark = service_mark(skb, &walk->packet, walk->location, false); /* 4 */
	/* Policy will decide in step 5, too: egress of the sender, then ingress of the receiver. */
	if (!may_send(skb, walk)) /* 5 */
		return;
	if (mark) {
		leave_to_service(skb, walk, mark); /* 7.4 */
		return;
	}
	way = find_receiver(skb, walk); /* 6 */
	if (!take_found_way(skb, walk, way)) /* 7 */
		drop(walk, DROP_NO_TUNNEL);
}

/* Not inline, so that a packet whose way is known does not pay for it in stack and cache. */
static __noinline int look_up_from_pod(struct __sk_buff *skb, struct walk *walk)
{
	look_up_way(skb, walk); /* 3-7 */
	return record(skb, walk, false); /* 8 */
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	struct walk walk;
	enum flow_way way;

	clear_departure_time(skb);
	begin_walk(&walk, skb->ifindex, EGRESS);
	begin_match(&walk.match, current_generation());
	read_from_pod(skb, &walk.packet); /* 1 */
	way = recall_way(skb, &walk); /* 2 */
	if (way && take_known_way(skb, &walk, way)) /* 7 */
		return answer(record(skb, &walk, true)); /* 8 */
	return answer(look_up_from_pod(skb, &walk)); /* 3-8 */
}

/*
 * Returns the reason to refuse a packet because of the interface that brought it. Either its source
 * is a pod behind another interface, or it is an error about a tunnelled packet that did not come
 * through the tunnel, or it is ICMP from another node's pod that speaks for others. from_network
 * and from_overlay check the same earlier, but not for every packet: a frame may reach the stack
 * without them, by an interface without a program or in an encapsulation that only the stack
 * removes.
 */
static __noinline enum drop_reason refusal_at_pod(struct __sk_buff *skb,
						  const struct packet *packet)
{
	bool is_icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;
	const struct location *location;
	const struct route *route;

	if (comes_from_elsewhere(skb, packet))
		return DROP_SPOOFED_OUTSIDE;
	if (!is_icmp || !skb->ingress_ifindex)
		return DROP_NONE;
	location = locate(&packet->source);
	if (is_pod(location))
		return DROP_NONE;
	if (is_error_beside_tunnel(skb, packet, skb->ingress_ifindex))
		return DROP_FORGED_ERROR;
	if (location)
		return DROP_NONE;
	route = find_route(&packet->source);
	/* Another node may be a router on the path of a masqueraded packet of the pod. */
	if (!route || route->kind == ROUTE_NODE)
		return DROP_NONE;
	return refusal_of_icmp(skb, packet, &route->next_hop);
}

/*
 * Steps 1-5 for a packet that the stack sends to a pod: from the node itself, from the world, or
 * oversized.
 */
static __always_inline bool enter_pod(struct __sk_buff *skb, struct walk *walk)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	struct packet *packet = &walk->packet;
	enum drop_reason reason;
	bool queued;

	packet->receiver = endpoint ? endpoint->id : 0;
	reason = parse(skb, packet); /* 1 */
	if (reason)
		return drop(walk, reason);
	/*
	 * Fragments always take the stack, whichever owner the flow has; queued packets did not
	 * take it.
	 */
	queued = was_queued(skb);
	packet->through_stack = !queued && !packet->is_piece;
	if (stays_on_link(packet)) /* 3 */
		return drop(walk, DROP_LINK_LOCAL);
	if (!endpoint)
		return drop(walk, DROP_UNKNOWN_ENDPOINT);
	/* 5. Policy will decide here, too. A queued packet was decided by an earlier program. */
	reason = queued ? DROP_NONE : refusal_at_pod(skb, packet);
	if (reason)
		return drop(walk, reason);
	walk->verdict = VERDICT_NEXT;
	return true;
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct walk walk;

	begin_walk(&walk, skb->ifindex, INGRESS);
	begin_match(&walk.match, 0);
	/* Step 2 comes last: the flow decides nothing here and learns nothing about its ends. */
	if (enter_pod(skb, &walk) && walk.packet.has_flow) /* 1-5 */
		match_flow(&walk.packet, &walk.match); /* 2 */
	return answer(record(skb, &walk, false)); /* 8 */
}
