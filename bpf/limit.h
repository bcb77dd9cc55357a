/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of what a limited pod sends through a queue that the pod cannot reach:
 *
 *   veth of the pod -> queue (a veth, with a token bucket at its root) -> far end -> veth of the pod
 *
 * and from there on like any other packet. from_pod runs at the far end too. The mark, which is the
 * index of the pod's veth, tells a packet that has waited: the kernel clears marks between network
 * namespaces, so none comes from a pod.
 */
#pragma once

#include "finish.h"
#include "packet.h"

enum {
	/* Index of the far end, from that of the pod's veth (src/model/pod-queue.ts). */
	QUEUE_FAR_END = 1 << 30,
};

/*
 * VERDICT_NONE: the packet is not limited, or has waited already. Where the queue or its far end is
 * missing, the redirect drops the packet: no limit means no way.
 */
static __always_inline enum verdict wait_in_queue(struct __sk_buff *skb,
						  const struct endpoint *endpoint)
{
	__u32 mark = skb->mark;

	/* 1. At the far end. */
	if (!endpoint) {
		if (mark && skb->ifindex == mark + QUEUE_FAR_END)
			return bpf_redirect(mark, BPF_F_INGRESS);
		return VERDICT_NONE;
	}
	if (!endpoint->queue)
		return VERDICT_NONE;
	/* 2. Back from there. */
	if (mark == skb->ifindex) {
		skb->mark = 0;
		return VERDICT_NONE;
	}
	/* 3. From the pod. */
	skb->mark = skb->ifindex;
	return bpf_redirect(endpoint->queue, 0);
}
