/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of the sender of a packet that comes out of the tunnel. The VXLAN device accepts every
 * sender and every VNI, so these checks decide whether the sender may use its inner source.
 */
#pragma once

#include <linux/errno.h>
#include "addresses.h"
#include "flow-ends.h"
#include "maps.h"
#include "packet.h"
#include "recall.h"
#include "transport.h"
#include "walk.h"

/* Fields of the outer header and of the VXLAN header. */
struct outer {
	struct address remote;
	__u32 vni;
	bool is_ipv4;
};

/*
 * True if the outer packet was sent to the one address by which the cluster knows this node. Other
 * nodes send their tunnel packets only there. A packet that left another node masqueraded, and so
 * with that node's address, is for some other address of this node.
 */
static __always_inline bool is_for_us(const struct address *local)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);

	return own && own->port && same_address(local, &own->address);
}

static __always_inline void map_ipv4(struct address *address, __u32 host_order)
{
	address->word[2] = bpf_htonl(0xffff);
	address->word[3] = bpf_htonl(host_order);
}

static __noinline bool read_ipv6_outer(struct __sk_buff *skb, struct outer *outer)
{
	struct bpf_tunnel_key key = {};
	struct address local;

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
		return false;
	__builtin_memcpy(&outer->remote, key.remote_ipv6, sizeof(outer->remote));
	__builtin_memcpy(&local, key.local_ipv6, sizeof(local));
	outer->vni = key.tunnel_id;
	return is_for_us(&local);
}

/*
 * Returns false if the packet came through no tunnel, through one that the kernel does not report,
 * or for another address. `outer` is zero before the call. Not inline: the key would be in the
 * caller's frame, and all frames of a call chain share 512 bytes.
 */
static __noinline bool read_outer(struct __sk_buff *skb, struct outer *outer)
{
	struct bpf_tunnel_key key;
	struct address local = {};
	long error = bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0);

	if (error == -EPROTO)
		return read_ipv6_outer(skb, outer);
	if (error)
		return false;
	map_ipv4(&outer->remote, key.remote_ipv4);
	map_ipv4(&local, key.local_ipv4);
	outer->vni = key.tunnel_id;
	outer->is_ipv4 = true;
	return is_for_us(&local);
}

/*
 * Returns the route to the inner source, if the outer sender has that source: as a pod of its
 * ranges, or as an address of its own. A node with several addresses may send from any of them.
 */
static __noinline const struct route *route_to_sender(const struct outer *outer,
						      const struct address *inner)
{
	const struct route *route = find_route(inner);
	const struct route *node;

	if (!route || (route->kind != ROUTE_OVERLAY && route->kind != ROUTE_NODE))
		return NULL;
	/* An address that nothing vouches for has no next hop: two such are not the same node. */
	if (route->vni != outer->vni || is_absent(&route->next_hop))
		return NULL;
	if (same_address(&route->next_hop, &outer->remote))
		return route;
	node = find_route(&outer->remote);
	if (!node || node->kind != ROUTE_NODE || !same_address(&node->next_hop, &route->next_hop))
		return NULL;
	return route;
}

/*
 * True if the flow remembers that packets for this end go to the same node, in the same VNI. The
 * program that found this used the same table, so the sender of a reply is verified as well as its
 * receiver was.
 */
static __always_inline bool is_remembered(const struct outer *outer, const struct packet *packet,
					  const struct found_end *sender)
{
	const struct flow_end *end = &sender->end;

	return outer->is_ipv4 && sender->way == WAY_TUNNEL &&
	       end->address == packet->source.word[3] && end->link[0] == outer->remote.word[3] &&
	       end->link[1] == outer->vni;
}

/* Refuses a packet that its sender may not send. One that cannot be read keeps its own reason. */
static __always_inline bool refuse_sender(struct walk *walk)
{
	return drop(walk, walk->packet.reason ? walk->packet.reason : DROP_SPOOFED_TUNNEL);
}

/*
 * 1. Returns false if the packet came out of no tunnel of this node, or cannot be read. If its
 *    ports are truncated, it has a drop reason.
 */
static __always_inline bool read_from_tunnel(struct __sk_buff *skb, struct walk *walk,
					     struct outer *outer)
{
	struct packet *packet = &walk->packet;
	enum drop_reason unread = parse_network(skb, packet);

	if (unread)
		return drop(walk, unread);
	packet->reason = parse_transport(skb, packet);
	if (!read_outer(skb, outer))
		return refuse_sender(walk);
	return true;
}

/*
 * 2. True if the flow remembers its receiver, a pod here, and its sender is remembered or looked
 *    up.
 */
static __always_inline bool recall_receiver(struct walk *walk, const struct outer *outer)
{
	struct packet *packet = &walk->packet;
	struct found_end *receiver = &walk->found.receiver;
	enum flow_direction sent;
	__u32 generation;
	const struct flow *flow;
	struct found_end sender;

	if (packet->reason || !packet->has_flow)
		return false;
	recall_flow(packet, &walk->match);
	generation = walk->match.generation;
	flow = walk->match.flow;
	sent = walk->match.sent & 1;
	if (!flow || !packet->goes_by_entry || flow->path == FLOW_THROUGH_STACK)
		return false;
	if (!recall_end(flow, generation, !sent, receiver) || receiver->way != WAY_POD ||
	    receiver->end.address != packet->destination.word[3])
		return false;
	return (recall_end(flow, generation, sent, &sender) &&
		is_remembered(outer, packet, &sender)) ||
	       route_to_sender(outer, &packet->source);
}
