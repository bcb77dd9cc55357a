/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two hooks of a pod's host-side veth. Its ingress is the pod's egress.
 */
#include "addresses.h"
#include "deliver.h"
#include "finish.h"
#include "transport.h"

/* The order is the precedence of drop reasons. */
static __always_inline enum verdict leave_pod(struct __sk_buff *skb, struct packet *packet,
					      struct flow_match *match)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	const struct location *location;
	enum drop_reason reason;

	packet->ifindex = skb->ifindex;
	packet->direction = EGRESS;
	packet->sender = endpoint ? endpoint->id : 0;

	/* 1. Not IP, malformed, too many extension headers. */
	reason = parse(skb, packet);
	if (reason)
		return drop(packet, reason);
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

	/* The answer to what kernel NAT sent here must not leave beside it, or nobody knows it. */
	if (packet->has_flow) {
		match_flow(packet, match);
		packet->through_stack = match->flow && match->flow->path == FLOW_THROUGH_STACK;
	}
	location = locate(&packet->destination);
	if (!location)
		return route_out(skb, packet);
	if (location->kind != LOCATION_ENDPOINT || packet->through_stack)
		return VERDICT_NEXT;
	packet->receiver = location->endpoint_id;
	return deliver(packet, location);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct flow_match match = {};
	enum verdict verdict = leave_pod(skb, &packet, &match);

	return finish_matched(&packet, &match, verdict);
}

/* What reaches a pod through the stack: from the node itself, from the world, oversized. */
static __always_inline enum verdict enter_pod(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint *endpoint = find_endpoint(skb->ifindex);
	enum drop_reason reason;

	packet->ifindex = skb->ifindex;
	packet->direction = INGRESS;
	packet->receiver = endpoint ? endpoint->id : 0;
	packet->through_stack = true;

	reason = parse(skb, packet);
	if (reason)
		return drop(packet, reason);
	if (stays_on_link(packet))
		return drop(packet, DROP_LINK_LOCAL);
	if (!endpoint)
		return drop(packet, DROP_UNKNOWN_ENDPOINT);
	return VERDICT_NEXT;
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct packet packet = {};
	enum verdict verdict = enter_pod(skb, &packet);

	return finish(&packet, verdict);
}
