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

#include "ids.h"
#include "packet.h"
#include "walk.h"

/*
 * True if the packet goes into its queue or comes out of it: it comes back, and leaves no trace until
 * then. Where the queue or its far end is missing, the redirect drops the packet: no limit means no
 * way.
 */
static __always_inline bool waits_in_queue(struct __sk_buff *skb, struct walk *walk,
					   const struct endpoint *endpoint)
{
	__u32 mark = skb->mark;

	/* Second, at the far end. */
	if (!endpoint) {
		if (!mark || skb->ifindex != mark + QUEUE_FAR_END)
			return false;
		stop_untraced(walk, bpf_redirect(mark, BPF_F_INGRESS));
		return true;
	}
	if (!endpoint->queue)
		return false;
	/* Third, back from there. */
	if (mark == skb->ifindex) {
		skb->mark = 0;
		return false;
	}
	/* First, from the pod. */
	skb->mark = skb->ifindex;
	stop_untraced(walk, bpf_redirect(endpoint->queue, 0));
	return true;
}
