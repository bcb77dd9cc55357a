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
	MAX_PRIORITY_TAGS = 4, /* a legitimate frame has one */
};

/*
 * True if the frame belongs to a VLAN, and so not to this interface. A tag with VLAN 0 has a
 * priority and no VLAN (IEEE 802.1Q 9.6). The stack removes it, so the frame is treated like one
 * without a tag.
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
 * Removes all priority tags but the last, as the stack would do after this hook, so that the
 * program judges the frame that the stack would see. Returns false if the frame has too many tags,
 * or a truncated one. Not static, so that the verifier checks it once.
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
