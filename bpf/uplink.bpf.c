/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hook of the node's uplinks.
 */
#include <linux/if_packet.h>
#include "addresses.h"
#include "enter.h"
#include "finish.h"
#include "outside.h"
#include "owner.h"
#include "recall.h"
#include "tags.h"
#include "transport.h"

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
