/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives a test run's frame the tags of VLANs that it had on the wire, the outermost where the kernel keeps the
 * one that it has taken off, and goes on with the program in question.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { MAX_TAGS = 5 };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tagged_program SEC(".maps");

/* In the control block: the tags from the innermost on, each with its type in the upper half. */
SEC("tc")
int tagged(struct __sk_buff *skb)
{
	__u32 tags[MAX_TAGS] = {skb->cb[0], skb->cb[1], skb->cb[2], skb->cb[3], skb->cb[4]};

	for (int i = 0; i < MAX_TAGS; i++) {
		if (tags[i] && bpf_skb_vlan_push(skb, bpf_htons(tags[i] >> 16), tags[i] & 0xffff))
			return 98;
	}
	bpf_tail_call(skb, &tagged_program, 0);
	return 99;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
