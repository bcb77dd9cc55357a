/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes -> struct packet, first half: from the Ethernet header to the addresses.
 */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "ipv4.h"
#include "ipv6.h"
#include "packet.h"

/*
 * Parses up to the addresses and the offset of the transport header. Ignores a tag that the kernel
 * has removed.
 */
static __always_inline enum drop_reason parse_ip(struct __sk_buff *skb, struct packet *packet)
{
	packet->bytes = skb->len - ETH_HLEN;
	packet->segments = 1;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, packet);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, packet);
	return DROP_NOT_IP;
}

static __always_inline enum drop_reason refuse_tag(struct __sk_buff *skb, struct packet *packet)
{
	packet->bytes = skb->len - ETH_HLEN;
	packet->segments = 1;
	return DROP_NOT_IP;
}

/* Refuses every VLAN tag: neither a pod nor another node's tunnel has a use for one. */
static __always_inline enum drop_reason parse_network(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->vlan_present)
		return refuse_tag(skb, packet);
	return parse_ip(skb, packet);
}
