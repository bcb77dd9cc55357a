/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hooks of the node's own interfaces: its uplinks and the VXLAN device.
 */
#include <linux/errno.h>
#include <linux/if_packet.h>
#include "addresses.h"
#include "deliver.h"
#include "finish.h"
#include "recall.h"
#include "refuse.h"
#include "transport.h"
#include "tunnel.h"

enum {
	VLAN_ID_MASK = 0xfff,
	MAX_PRIORITY_TAGS = 4, /* an honest frame has one */
};

/* The last steps of every way in: the packet is for the endpoint at `location`. */
static __always_inline enum verdict enter_endpoint(struct __sk_buff *skb, struct packet *packet,
						   const struct location *location)
{
	packet->ifindex = location->ifindex;
	packet->receiver = location->endpoint_id;
	if (packet->reason)
		return VERDICT_DROP;
	return deliver(skb, packet, location);
}

/* Does the entry remember that this end is a pod of a neighbouring node by that very interface? */
static __always_inline bool is_neighbours_pod(struct __sk_buff *skb, const struct packet *packet,
					      const struct flow_match *match)
{
	struct found_end sender;

	if (!match->flow || !packet->goes_by_entry || !recall_end(match, match->sent, &sender))
		return false;
	return (sender.way == WAY_NEIGHBOUR || sender.way == WAY_NEIGHBOUR_IPV6) &&
	       sender.end.ifindex == skb->ifindex &&
	       sender.end.address == packet->source.word[3];
}

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

/*
 * What the world sends to a pod takes the stack even so, as the pod's answers do: conntrack must see
 * both directions, or it takes the answers for connections of the pod's own and masquerades them.
 * What the stack gets is accounted where it has passed the stack, in to_pod.
 */
static __noinline int enter_from_neighbour(struct __sk_buff *skb, struct packet *packet,
					   const struct location *location, __u32 generation)
{
	struct flow_match match = begin_match(generation);
	struct found_ends found = {};
	const struct route *back;
	enum drop_reason refused;

	packet->reason = parse_transport(skb, packet);
	if (!packet->reason && packet->has_flow)
		recall_flow(packet, &match);
	if (is_neighbours_pod(skb, packet, &match)) {
		if (match.flow->path == FLOW_THROUGH_STACK)
			return VERDICT_NEXT;
		return finish_known(packet, &match, enter_endpoint(skb, packet, location));
	}
	back = find_route(&packet->source);
	refused = refusal_outside(skb, packet, back);
	if (refused) {
		packet->reason = refused;
		return finish(packet, enter_endpoint(skb, packet, location));
	}
	if (!back || back->kind != ROUTE_NATIVE) {
		if (packet->reason || !is_about_direct_flow(skb, packet, &match))
			return VERDICT_NEXT;
		return finish_found(packet, &match, &found, enter_endpoint(skb, packet, location));
	}
	if (!packet->reason && stays_on_stack(skb, packet, &match))
		return VERDICT_NEXT;
	found_route(&found.sender, &packet->source, back);
	found_pod(&found.receiver, &packet->destination, location);
	return finish_found(packet, &match, &found, enter_endpoint(skb, packet, location));
}

/*
 * A tag with VLAN 0 has a priority and no VLAN (IEEE 802.1Q 9.6). The stack takes it off, so the frame
 * is judged as one without a tag. A frame of any other VLAN is not this interface's.
 */
static __always_inline bool is_of_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present && (skb->vlan_tci & VLAN_ID_MASK);
}

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/*
 * Takes off all priority tags but the last, as the stack would do behind this hook, so that the frame is
 * judged as what it is in the end. False: it has too many, or one that is cut off. Not static, for the
 * verifier's sake.
 */
__noinline int take_off_outer_tags(struct __sk_buff *skb)
{
	for (int i = 1; i < MAX_PRIORITY_TAGS; i++) {
		if (is_of_vlan(skb) || !is_tag(skb->protocol))
			return true;
		if (bpf_skb_vlan_pop(skb))
			return false;
	}
	return is_of_vlan(skb) || !is_tag(skb->protocol);
}

/*
 * What the stack would send on: it is for neither a pod here nor this node, or it could not be read, and
 * may have a further destination (a source route). With the source of a pod that never sends by this
 * interface it would leave as that pod's own, by a node that others believe. A pod that is reached by a
 * tunnel may come beside it, on its way to where nothing is masqueraded. Ports are not read. Not static,
 * for the verifier's sake.
 */
__noinline int pass_through(struct __sk_buff *skb, struct packet *packet)
{
	const struct route *back;

	if (!packet)
		return VERDICT_NEXT;
	back = find_route(&packet->source);
	if ((back && back->kind == ROUTE_OVERLAY) || !is_spoofed_outside(skb, packet, back))
		return VERDICT_NEXT;
	packet->reason = DROP_SPOOFED_OUTSIDE;
	return finish(packet, VERDICT_DROP);
}

/* Not static, for the verifier's sake. */
__noinline int refuse_tags(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return VERDICT_DROP;
	packet->reason = refuse_tag(skb, packet);
	return finish(packet, VERDICT_DROP);
}

/* An uplink carries everything the node does: what has nothing to do with pods is left alone. */
SEC("tc")
int from_network(struct __sk_buff *skb)
{
	struct packet packet = {.direction = INGRESS};
	__u32 generation = current_generation();
	const struct location *location;
	enum drop_reason unread;

	/* A promiscuous uplink. */
	if (skb->pkt_type != PACKET_HOST)
		return VERDICT_NEXT;
	if (skb->vlan_present) {
		if (!take_off_outer_tags(skb))
			return refuse_tags(skb, &packet);
		if (is_of_vlan(skb))
			return VERDICT_NEXT;
	}
	unread = parse_ip(skb, &packet);
	if (unread == DROP_NOT_IP)
		return VERDICT_NEXT;
	/* Not all that is unread here is refused by the stack. A pod gets none of it (to_pod). */
	location = unread ? NULL : locate(&packet.destination);
	if (!location)
		return pass_through(skb, &packet);
	if (location->kind != LOCATION_ENDPOINT)
		return VERDICT_NEXT;
	/* As the stack would: the pod, and the queue of a limited one, see no tag. */
	if (skb->vlan_present)
		bpf_skb_vlan_pop(skb);
	return enter_from_neighbour(skb, &packet, location, generation);
}

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
