/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delivery into a pod of this node.
 *
 * The kernel may refuse a redirect after the program has returned, if an interface was just
 * removed. This is the only drop that no program sees; the interface's own tx_dropped counter
 * includes it. The same applies to the other ways (deliver-neighbour.h, deliver-tunnel.h).
 */
#pragma once

#include "addresses.h"
#include "ids.h"
#include "packet.h"

/*
 * Sends the packet out of the host side of the veth, where the queue that limits the pod is. to_pod
 * sees the packet there and counts the receiver's traffic and the flow, so this program does not.
 * The kernel writes the MACs from the pod's permanent neighbour entry.
 */
static __noinline enum verdict deliver_queued(struct __sk_buff *skb, struct packet *packet,
					      const struct location *location)
{
	struct bpf_redir_neigh next_hop = {};

	packet->receiver = 0;
	packet->has_flow = false;
	skb->mark = QUEUED_MARK;
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

/*
 * True if the packet comes from deliver_queued(). Clears the mark, so it is true only once. The
 * kernel clears marks between network namespaces, so a packet from a namespace has none; it keeps
 * tc_index and the class that a filter there has set.
 */
static __always_inline bool was_queued(struct __sk_buff *skb)
{
	if (skb->mark != QUEUED_MARK)
		return false;
	skb->mark = 0;
	return true;
}

/*
 * Sends the packet directly into the pod's namespace, as if it came out of the pod's side of the
 * veth: it passes no second queue and no host stack. The MACs are not changed. The packet was
 * addressed to this node (PACKET_HOST), and the pod's stack checks nothing else. Rewriting the MACs
 * costs 1 % of a round trip and would only help readers of tcpdump.
 */
static __always_inline enum verdict deliver(struct __sk_buff *skb, struct packet *packet,
					    const struct location *location)
{
	if (location->queued)
		return deliver_queued(skb, packet, location);
	return bpf_redirect_peer(location->ifindex, 0);
}
