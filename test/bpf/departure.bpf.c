/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drops packets that have a time at which they should leave. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int drop_timed(struct __sk_buff *skb)
{
	return skb->tstamp_type ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
