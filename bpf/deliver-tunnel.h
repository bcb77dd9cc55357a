/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Delivery to another node through a tunnel.
 */
#pragma once

#include "addresses.h"
#include "encapsulate.h"
#include "maps.h"
#include "packet.h"

/*
 * Over IPv4, the outer UDP checksum is omitted (RFC 7348 5). The source is the address by which the
 * other node knows this one. It would refuse the packet from any other address (tunnel.h).
 */
static __noinline bool set_ipv4_tunnel(struct __sk_buff *skb, __be32 remote, __u32 vni)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);
	struct bpf_tunnel_key key = {
		.tunnel_id = vni,
		.tunnel_ttl = OVERLAY_TTL,
		.remote_ipv4 = bpf_ntohl(remote), /* host order, as the kernel expects */
	};

	if (own && is_mapped_ipv4(&own->address))
		key.local_ipv4 = bpf_ntohl(own->address.word[3]);
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX) == 0;
}

/* Over IPv6, the outer UDP checksum is required (RFC 8200 8.1). */
static __noinline bool set_tunnel(struct __sk_buff *skb, const struct route *route)
{
	__u32 zero = 0;
	const struct underlay *own = bpf_map_lookup_elem(&underlay, &zero);
	struct bpf_tunnel_key key = {.tunnel_id = route->vni, .tunnel_ttl = OVERLAY_TTL};

	if (is_mapped_ipv4(&route->next_hop))
		return set_ipv4_tunnel(skb, route->next_hop.word[3], route->vni);
	__builtin_memcpy(key.remote_ipv6, &route->next_hop, sizeof(route->next_hop));
	if (own && !is_mapped_ipv4(&own->address))
		__builtin_memcpy(key.local_ipv6, &own->address, sizeof(own->address));
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6) == 0;
}

/*
 * Sends the packet to another node by its IPv4 address. It is encapsulated here or, if that is not
 * possible, by the VXLAN device. VERDICT_NONE: neither is possible.
 */
static __always_inline enum verdict tunnel(struct __sk_buff *skb, struct packet *packet,
					   const struct flow_end *to, __u32 earlier)
{
	enum verdict verdict = encapsulate(skb, packet, to, earlier);

	if (verdict != VERDICT_NONE)
		return verdict;
	if (!set_ipv4_tunnel(skb, to->link[0], to->link[1]))
		return VERDICT_NONE;
	return bpf_redirect(to->ifindex, 0);
}
