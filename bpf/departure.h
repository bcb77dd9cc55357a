/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The time at which a pod wants its packet to leave (SO_TXTIME, which needs no capability; TCP sets
 * one, too). The kernel keeps it between network namespaces, and the queue fq at an uplink holds
 * the packet until then. A pod could fill that queue, which the whole node shares, with packets that
 * leave ten seconds later. Pacing works without it: in a pod, TCP waits by its own timers.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __always_inline void clear_departure_time(struct __sk_buff *skb)
{
	if (skb->tstamp_type)
		bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_UNSPEC);
}
