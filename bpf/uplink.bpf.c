/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Program at the ingress hook of the node's uplinks.
 */
#include <linux/if_packet.h>
#include "addresses.h"
#include "enter.h"
#include "finish.h"
#include "outside.h"
#include "owner.h"
#include "recall.h"
#include "service.h"
#include "tags.h"
#include "transport.h"
#include "walk.h"

/* 2. True if the flow remembers the sender as a pod of a neighbour at this interface. */
static __always_inline bool is_neighbours_pod(struct __sk_buff *skb, const struct packet *packet,
					      const struct flow_match *match)
{
	struct found_end sender;

	if (!match->flow || !packet->goes_by_entry ||
	    !recall_end(match->flow, match->generation, match->sent & 1, &sender))
		return false;
	return (sender.way == WAY_NEIGHBOUR || sender.way == WAY_NEIGHBOUR_IPV6) &&
	       sender.end.ifindex == skb->ifindex && sender.end.address == packet->source.word[3];
}

/*
 * Passes the packet up the stack uncounted: to_pod counts it when it has passed the stack. Packets
 * from the world to a pod also take the stack, as the pod's replies do. Conntrack must see both
 * directions, or it takes the replies for connections of the pod's own and masquerades them.
 */
static __always_inline void leave_to_stack(struct walk *walk)
{
	stop_untraced(walk, VERDICT_NEXT);
}

/* 6. True if the packet goes directly to the pod at walk->location. */
static __always_inline bool goes_straight(struct __sk_buff *skb, struct walk *walk,
					  const struct route *back)
{
	struct packet *packet = &walk->packet;

	if (packet->through_stack && !packet->reason)
		return false;
	if (!back || back->kind != ROUTE_NATIVE)
		return !packet->reason && is_about_direct_flow(skb, packet, &walk->match);
	return packet->reason || !stays_on_stack(skb, packet, &walk->match);
}

/* Steps 3-7 for a packet whose sender its flow does not remember. */
static __always_inline void look_up_from_neighbour(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	const struct route *back = find_route(&packet->source); /* 3 */
	/* 5. Policy will decide here, too: ingress of the receiver. */
	enum drop_reason refused = refusal_outside(skb, packet, back); /* 5 */

	if (refused) {
		packet->reason = refused;
	} else if (!goes_straight(skb, walk, back)) { /* 6 */
		leave_to_stack(walk);
		return;
	} else if (back && back->kind == ROUTE_NATIVE) {
		begin_lookups(walk);
		found_route(&walk->found.sender, &packet->source, back);
		found_pod(&walk->found.receiver, &packet->destination, walk->location);
	}
	enter_endpoint(skb, walk); /* 7 */
}

static __noinline void enter_from_neighbour(struct __sk_buff *skb, struct walk *walk,
					    __u32 generation)
{
	struct packet *packet = &walk->packet;

	begin_match(&walk->match, generation);
	packet->reason = parse_transport(skb, packet); /* 1 */
	if (!packet->reason && packet->has_flow)
		recall_flow(packet, &walk->match); /* 2 */
	packet->through_stack = is_translated_already(skb);
	if (packet->through_stack || !is_neighbours_pod(skb, packet, &walk->match))
		look_up_from_neighbour(skb, walk); /* 3-7 */
	else if (walk->match.flow->path == FLOW_THROUGH_STACK)
		leave_to_stack(walk);
	else
		enter_endpoint(skb, walk); /* 7 */
}

/*
 * Returns the reason why the stack may not forward a packet. The packet is for neither a pod here
 * nor this node, or it could not be read, and may have a further destination (a source route). If
 * its source is a pod that never sends by this interface, it would leave as that pod's own, from a
 * node that others trust. A packet of a pod that is reached by a tunnel may bypass the tunnel, on
 * its way to a destination where nothing is masqueraded. Ports are not read. Not static, so that
 * the verifier checks it once.
 */
__noinline int refusal_to_pass(struct __sk_buff *skb, const struct packet *packet)
{
	const struct route *back;

	if (!packet)
		return DROP_NONE;
	back = find_route(&packet->source);
	if ((back && back->kind == ROUTE_OVERLAY) || !is_spoofed_outside(skb, packet, back))
		return DROP_NONE;
	return DROP_SPOOFED_OUTSIDE;
}

/*
 * True for a packet that comes out of a tunnel here: a Service cannot take it away, and it pays for
 * no lookup of one.
 */
static __always_inline bool belongs_to_tunnel(const struct packet *packet,
					      const struct location *location)
{
	const struct underlay *own;
	__u32 zero = 0;

	if (!location || packet->protocol != IPPROTO_UDP)
		return false;
	own = bpf_map_lookup_elem(&underlay, &zero);
	return own && own->port && packet->destination_port == own->port;
}

/*
 * Steps 1, 4 and 5 for a packet that is not for a pod here: its mark, if it is to a Service. Reads
 * only the ports of all others. A server here gets a packet for the node as if it were forwarded,
 * so its source is checked. The stack accepts some packets that cannot be read here: nftables drops
 * those that connection tracking cannot translate.
 */
static __noinline __u32 mark_from_network(struct __sk_buff *skb, struct packet *packet,
					  const struct location *location)
{
	const __be16 *ports = transport_at(skb, packet, 2 * sizeof(*ports));
	struct selection selection = {.is_outside = true};

	if (!ports)
		return 0;
	packet->source_port = ports[0];
	packet->destination_port = ports[1];
	if (belongs_to_tunnel(packet, location) || !is_to_service(packet, location, &selection))
		return 0;
	if (location)
		packet->reason = refusal_to_pass(skb, packet);
	if (packet->reason || parse_transport(skb, packet))
		return SERVICE_MARK;
	return select_mark(skb, packet, location, &selection);
}

/*
 * Steps 1 and 4 to 6. An uplink carries all traffic of the node, and most of it is not for a pod:
 * VERDICT_NEXT leaves it alone. VERDICT_NONE: the packet is for the pod at walk->location.
 */
static __always_inline enum verdict find_pod(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;
	enum drop_reason unread;
	__u32 mark = 0;

	/* The frame is not for this node: the uplink is promiscuous. */
	if (skb->pkt_type != PACKET_HOST)
		return VERDICT_NEXT;
	if (skb->vlan_present) {
		if (!take_off_outer_tags(skb)) {
			drop(walk, refuse_tag(skb, packet));
			return VERDICT_DROP;
		}
		if (is_of_vlan(skb))
			return VERDICT_NEXT;
	}
	unread = parse_ip(skb, packet);
	if (unread == DROP_NOT_IP)
		return VERDICT_NEXT;
	/* The stack accepts some packets that cannot be read here. No pod gets any (to_pod). */
	walk->location = unread ? NULL : locate(&packet->destination);
	if (is_pod(walk->location))
		return VERDICT_NONE;
	if (!walk->location)
		packet->reason = refusal_to_pass(skb, packet);
	if (services_on && !unread && !packet->reason)
		mark = mark_from_network(skb, packet, walk->location);
	if (mark)
		leave_to_service(skb, walk, mark);
	else
		stop(walk, packet->reason ? VERDICT_DROP : VERDICT_NEXT);
	return walk->verdict;
}

SEC("tc")
int from_network(struct __sk_buff *skb)
{
	struct walk walk;
	__u32 generation = current_generation();
	enum verdict verdict;

	begin_walk(&walk, 0, INGRESS);
	verdict = find_pod(skb, &walk); /* 1, 6 */
	if (verdict == VERDICT_NEXT)
		return verdict;
	if (verdict == VERDICT_NONE) {
		/* Hide the tag, as the stack does, from the pod and from a limited pod's queue. */
		if (skb->vlan_present)
			bpf_skb_vlan_pop(skb);
		enter_from_neighbour(skb, &walk, generation); /* 1-7 */
	}
	return record(skb, &walk, false); /* 8 */
}
