/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Way of a limited pod's packets through a queue that the pod cannot reach:
 *
 *   veth of the pod -> queue (a veth, its root is a token bucket) -> far end -> veth of the pod
 *
 * From there they continue like any other packet. from_pod runs at the far end, too. The mark,
 * which is the index of the pod's veth, identifies a packet that has waited. The kernel clears
 * marks between network namespaces, so no packet comes from a pod with a mark.
 */
#pragma once

#include "ids.h"
#include "packet.h"
#include "walk.h"

/*
 * True if the packet goes into its queue or comes out of it. It comes back here, and leaves no
 * trace until then. If the queue or its far end is missing, the redirect drops the packet: a pod
 * whose limit cannot be enforced cannot send.
 */
static __always_inline bool waits_in_queue(struct __sk_buff *skb, struct walk *walk,
					   const struct endpoint *endpoint)
{
	__u32 mark = skb->mark;

	/* Second pass: at the far end. */
	if (!endpoint) {
		if (!mark || skb->ifindex != mark + QUEUE_FAR_END)
			return false;
		stop_untraced(walk, bpf_redirect(mark, BPF_F_INGRESS));
		return true;
	}
	if (!endpoint->queue)
		return false;
	/* Third pass: back from the far end. */
	if (mark == skb->ifindex) {
		skb->mark = 0;
		return false;
	}
	/* First pass: from the pod. */
	skb->mark = skb->ifindex;
	stop_untraced(walk, bpf_redirect(endpoint->queue, 0));
	return true;
}
