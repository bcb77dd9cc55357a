/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delivery into a pod of this node.
 *
 * A redirect that the kernel refuses after the program has returned (an interface just removed) is
 * the one drop that no program can see; the interface's own tx_dropped counter has it. The same
 * holds for the other ways (deliver-neighbour.h, deliver-tunnel.h).
 */
#pragma once

#include "addresses.h"
#include "packet.h"

/* In skb->tc_index, which nothing on a node uses, from deliver_queued to to_pod. */
static const __u16 QUEUED = 0x6864;

/*
 * Out of the host side of the veth, where the queue is that holds the pod to its limit. to_pod sees
 * the packet on that way, so counting it is left to to_pod: the receiver's traffic and the flow.
 * The kernel writes the MACs, from the permanent neighbour entry of the pod.
 */
static __noinline enum verdict deliver_queued(struct __sk_buff *skb, struct packet *packet,
					      const struct location *location)
{
	struct bpf_redir_neigh next_hop = {};

	packet->receiver = 0;
	packet->has_flow = false;
	skb->tc_index = QUEUED;
	if (packet->is_ipv4) {
		next_hop.nh_family = AF_INET;
		next_hop.ipv4_nh = packet->destination.word[3];
	} else {
		next_hop.nh_family = AF_INET6;
		__builtin_memcpy(next_hop.ipv6_nh, &packet->destination,
				 sizeof(packet->destination));
	}
	return bpf_redirect_neigh(location->ifindex, &next_hop, sizeof(next_hop), 0);
}

/* Did this packet come from deliver_queued? Asked once. */
static __always_inline bool was_queued(struct __sk_buff *skb)
{
	if (skb->tc_index != QUEUED)
		return false;
	skb->tc_index = 0;
	return true;
}

/*
 * Straight into the pod's namespace, as if it came out of the pod's side of the veth: no second
 * queue, no host stack. The MACs stay as they are: the packet was addressed to this node
 * (PACKET_HOST), which is all that the pod's stack asks; rewriting them costs 1 % of a round trip
 * and would serve tcpdump's eyes only.
 */
static __always_inline enum verdict deliver(struct __sk_buff *skb, struct packet *packet,
					    const struct location *location)
{
	if (location->queued)
		return deliver_queued(skb, packet, location);
	return bpf_redirect_peer(location->ifindex, 0);
}
