/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hooks of the node's own interfaces: its uplinks and the VXLAN device.
 */
#include <linux/errno.h>
#include <linux/if_packet.h>
#include "addresses.h"
#include "deliver.h"
#include "finish.h"
#include "transport.h"

/* The last steps of every way in: the packet is for the endpoint at `location`. */
static __always_inline enum verdict enter_endpoint(struct __sk_buff *skb, struct packet *packet,
						   const struct location *location)
{
	enum drop_reason reason;

	packet->ifindex = location->ifindex;
	packet->receiver = location->endpoint_id;
	reason = parse_transport(skb, packet);
	if (reason)
		return drop(packet, reason);
	return deliver(packet, location);
}

/*
 * An uplink carries everything the node does: what is not from a pod to a pod is left alone. What
 * the world sends to a pod takes the stack even so, as the pod's answers do: conntrack must see
 * both directions, or it takes the answers for connections of the pod's own and masquerades them.
 */
static __always_inline enum verdict enter_from_network(struct __sk_buff *skb, struct packet *packet)
{
	const struct location *location;
	const struct route *back;

	/* A promiscuous uplink, a VLAN device's frame, ARP, what the stack itself will refuse. */
	if (skb->pkt_type != PACKET_HOST || parse_network(skb, packet))
		return VERDICT_NEXT;
	location = locate(&packet->destination);
	if (!location || location->kind != LOCATION_ENDPOINT)
		return VERDICT_NEXT;
	back = find_route(&packet->source);
	if (!back || back->kind != ROUTE_NATIVE)
		return VERDICT_NEXT;
	return enter_endpoint(skb, packet, location);
}

SEC("tc")
int from_network(struct __sk_buff *skb)
{
	struct packet packet = {.direction = INGRESS};
	enum verdict verdict = enter_from_network(skb, &packet);

	return finish(&packet, verdict);
}

/* Hands it to this node's stack, whatever the inner destination MAC was. */
static __always_inline enum verdict take_up(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return VERDICT_NEXT;
}

/* The tunnel ends here: an inner packet is for a pod of this node, for the node, or astray. */
static __always_inline enum verdict enter_from_overlay(struct __sk_buff *skb, struct packet *packet)
{
	enum drop_reason reason = parse_network(skb, packet);
	const struct location *location;
	const struct route *route;

	if (reason)
		return drop(packet, reason);
	location = locate(&packet->destination);
	/* 1. A pod here. Before Linux 6.15 a redirect keeps the packet type, so set it first. */
	if (location && location->kind == LOCATION_ENDPOINT) {
		take_up(skb);
		return enter_endpoint(skb, packet, location);
	}
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

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct packet packet = {.direction = INGRESS};
	enum verdict verdict = enter_from_overlay(skb, &packet);

	return finish(&packet, verdict);
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
