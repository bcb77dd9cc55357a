/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 7 of a packet for a pod here, whichever way it came in.
 */
#pragma once

#include "deliver-pod.h"
#include "walk.h"

/* Into the pod at walk->location, unless a reason speaks against it, which is then the pod's. */
static __always_inline void enter_endpoint(struct __sk_buff *skb, struct walk *walk)
{
	struct packet *packet = &walk->packet;

	packet->ifindex = walk->location->ifindex;
	packet->receiver = walk->location->endpoint_id;
	if (packet->reason)
		stop(walk, VERDICT_DROP);
	else
		stop(walk, deliver(skb, packet, walk->location));
}
