/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VLAN tags of frames on an uplink.
 */
#pragma once

#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	VLAN_ID_MASK = 0xfff,
	MAX_PRIORITY_TAGS = 4, /* an honest frame has one */
};

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
