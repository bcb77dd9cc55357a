/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two hooks of a pod's host-side veth. Its ingress is the pod's egress.
 */
#include "addresses.h"
#include "checksum.h"
#include "finish.h"
#include "limit.h"
#include "recall.h"
#include "refuse.h"
#include "take-way.h"
#include "transport.h"

/*
 * Final at a pod's interface: a program of an earlier version may run there by tcx until the agent
 * removes it, and what that lets pass must not go through the filter as well, or it is counted twice.
 */
static __always_inline int answer(int verdict)
{
	return verdict == VERDICT_NEXT ? VERDICT_PASS : verdict;
}

/* The order is the precedence of drop reasons; 1. is whatever could not be read. */
static __always_inline enum verdict leave_pod(struct __sk_buff *skb, struct packet *packet,
					      const struct flow_match *match,
					      const struct endpoint *endpoint,
					      struct found_ends *found)
{
	const struct location *location;

	packet->sender = endpoint ? endpoint->id : 0;
	if (packet->reason)
		return VERDICT_DROP;
	/* 2. Noise before spoofing: NDP and MLD come from addresses that no endpoint has. */
	if (stays_on_link(packet))
		return drop(packet, DROP_LINK_LOCAL);
	/* 3. Nobody's interface (yet). */
	if (!endpoint)
		return drop(packet, DROP_UNKNOWN_ENDPOINT);
	/* 4. Only its own MAC, 5. only its own address. */
	if (!has_mac_of(skb, endpoint))
		return drop(packet, DROP_SPOOFED_MAC);
	if (!has_address_of(packet, endpoint))
		return drop(packet, DROP_SPOOFED_ADDRESS);
	/* Each packet of a limited pod has to be seen here, so nothing of it is known ahead. */
	if (!endpoint->queue)
		found_sender(&found->sender, packet, endpoint);

	location = locate(&packet->destination);
	/* 6. Not what would speak for others, or get where no pod has to be (refuse.h). */
	packet->reason = refusal(skb, packet, location);
	if (packet->reason)
		return VERDICT_DROP;
	if (!location)
		return route_out(skb, packet, match, &found->receiver);
	if (location->kind != LOCATION_ENDPOINT) {
		found_stack(&found->receiver, &packet->destination);
		return VERDICT_NEXT;
	}
	found_pod(&found->receiver, &packet->destination, location);
	/* The answer to what kernel NAT sent here must not leave beside it, or nobody knows it. */
	if (stays_on_stack(skb, packet, match))
		return VERDICT_NEXT;
	packet->receiver = location->endpoint_id;
	return deliver(skb, packet, location);
}

static __noinline int look_up_from_pod(struct __sk_buff *skb, struct packet *packet,
				       const struct flow_match *match)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	enum verdict verdict = wait_in_queue(skb, endpoint);
	struct found_ends found = {};

	/* Not finished: it comes back. */
	if (verdict != VERDICT_NONE)
		return verdict;
	verdict = leave_pod(skb, packet, match, endpoint, &found);
	return finish_found(packet, match, &found, verdict);
}

/* How to get to the other end, if the entry remembers it for this very sender. */
static __always_inline enum flow_way known_way(struct __sk_buff *skb, struct packet *packet,
					       const struct flow_match *match, struct flow_end *to)
{
	enum flow_direction sent = match->sent & 1;
	struct found_end sender, receiver;

	if (!match->flow || !packet->goes_by_entry)
		return WAY_UNKNOWN;
	if (!recall_end(match, sent, &sender) || !is_sender(skb, packet, &sender.end))
		return WAY_UNKNOWN;
	packet->sender = sender.end.endpoint_id;
	if (!recall_end(match, !sent, &receiver) ||
	    receiver.end.address != packet->destination.word[3])
		return WAY_UNKNOWN;
	*to = receiver.end;
	packet->through_stack = match->flow->path == FLOW_THROUGH_STACK;
	return receiver.way && packet->through_stack ? WAY_STACK : receiver.way;
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	struct packet packet = {.ifindex = skb->ifindex, .direction = EGRESS};
	struct flow_match match = begin_match(current_generation());
	enum verdict verdict = VERDICT_NONE;
	struct flow_end to;
	enum flow_way way;

	packet.reason = parse(skb, &packet);
	if (!packet.reason && is_rewritten_later(skb, &packet))
		packet.reason = DROP_MALFORMED;
	if (!packet.reason && packet.has_flow) {
		recall_flow(&packet, &match);
		way = known_way(skb, &packet, &match, &to);
		if (way)
			verdict = go_known_way(skb, &packet, &to, way,
					       match.flow->packets[match.sent & 1]);
		if (verdict != VERDICT_NONE)
			return answer(finish_known(&packet, &match, verdict));
	}
	return answer(look_up_from_pod(skb, &packet, &match));
}

/*
 * Why a packet may not come to a pod by the interface that brought it: it has the source of a pod that
 * is behind another one, or it is ICMP of another node's pod that speaks for others. from_network and
 * from_overlay ask the same before, but not of everything: a frame may reach the stack past them, by an
 * interface without a program or in a wrapping that only the stack takes off.
 */
static __noinline enum drop_reason refusal_at_pod(struct __sk_buff *skb,
						  const struct packet *packet)
{
	bool is_icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;
	const struct route *route;

	if (comes_from_elsewhere(skb, packet))
		return DROP_SPOOFED_OUTSIDE;
	if (!is_icmp || !skb->ingress_ifindex || locate(&packet->source))
		return DROP_NONE;
	route = find_route(&packet->source);
	/* Another node may be the router that a masqueraded packet of the pod has met. */
	if (!route || route->kind == ROUTE_NODE)
		return DROP_NONE;
	return refusal_of_icmp(skb, packet, &route->next_hop);
}

/* What reaches a pod through the stack: from the node itself, from the world, oversized. */
static __always_inline enum verdict enter_pod(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	enum drop_reason reason;
	bool queued;

	packet->ifindex = skb->ifindex;
	packet->direction = INGRESS;
	packet->receiver = endpoint ? endpoint->id : 0;

	reason = parse(skb, packet);
	if (reason)
		return drop(packet, reason);
	/* Fragments take the stack whoever owns their flow, and what was queued did not take it. */
	queued = was_queued(skb);
	packet->through_stack = !queued && !packet->is_piece;
	if (stays_on_link(packet))
		return drop(packet, DROP_LINK_LOCAL);
	if (!endpoint)
		return drop(packet, DROP_UNKNOWN_ENDPOINT);
	/* What was queued came through another program, which has judged it. */
	if (!queued)
		packet->reason = refusal_at_pod(skb, packet);
	return packet->reason ? VERDICT_DROP : VERDICT_NEXT;
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct packet packet = {};
	enum verdict verdict = enter_pod(skb, &packet);

	return answer(finish(&packet, verdict));
}
