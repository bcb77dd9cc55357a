/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet that comes out of the tunnel came from: the VXLAN device takes every sender and
 * every VNI, so whether it may say what it says is judged here.
 */
#pragma once

#include <linux/errno.h>
#include "addresses.h"
#include "flow-ends.h"
#include "maps.h"
#include "packet.h"

/* Of the outer header, and of VXLAN's. */
struct outer {
	struct address remote;
	struct address local;
	__u32 vni;
	bool is_ipv4;
};

static __always_inline void map_ipv4(struct address *address, __u32 host_order)
{
	address->word[2] = bpf_htonl(0xffff);
	address->word[3] = bpf_htonl(host_order);
}

static __noinline bool read_ipv6_outer(struct __sk_buff *skb, struct outer *outer)
{
	struct bpf_tunnel_key key = {};

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
		return false;
	__builtin_memcpy(&outer->remote, key.remote_ipv6, sizeof(outer->remote));
	__builtin_memcpy(&outer->local, key.local_ipv6, sizeof(outer->local));
	outer->vni = key.tunnel_id;
	return true;
}

/*
 * False: it came through no tunnel, or none that the kernel tells of. `outer` is zero before. Not
 * inline: the key would lie in the caller's frame, and all frames of a call chain share 512 bytes.
 */
static __noinline bool read_outer(struct __sk_buff *skb, struct outer *outer)
{
	struct bpf_tunnel_key key;
	long error = bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0);

	if (error == -EPROTO)
		return read_ipv6_outer(skb, outer);
	if (error)
		return false;
	map_ipv4(&outer->remote, key.remote_ipv4);
	map_ipv4(&outer->local, key.local_ipv4);
	outer->vni = key.tunnel_id;
	outer->is_ipv4 = true;
	return true;
}

/*
 * Nodes send to the one address that the cluster knows this node by. Nothing else does: not what
 * left another node masqueraded, and so with that node's address, for some other address of this one.
 */
static __always_inline bool is_for_us(const struct outer *outer)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);

	return own && own->port && same_address(&outer->local, &own->address);
}

/*
 * The route to the inner source, if the outer sender has it: as a pod of its ranges, or as an address
 * of its own. A node with several addresses may send from any of them.
 */
static __noinline const struct route *route_to_sender(const struct outer *outer,
						      const struct address *inner)
{
	const struct route *route = find_route(inner);
	const struct route *node;

	if (!route || (route->kind != ROUTE_OVERLAY && route->kind != ROUTE_NODE))
		return NULL;
	/* An address that nothing vouches for has no next hop: two of them are not the same node. */
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
 * True if packets for this end, which the flow remembers, go to that very node, in that VNI. The
 * program that found this has asked the same table: an answer's sender is as proven as its receiver was.
 */
static __always_inline bool is_remembered(const struct outer *outer, const struct packet *packet,
					  const struct found_end *sender)
{
	const struct flow_end *end = &sender->end;

	return outer->is_ipv4 && sender->way == WAY_TUNNEL &&
	       end->address == packet->source.word[3] && end->link[0] == outer->remote.word[3] &&
	       end->link[1] == outer->vni;
}
