/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 7 for a packet to a pod here, however it arrived.
 */
#pragma once

#include "deliver-pod.h"
#include "walk.h"

/*
 * Delivers the packet to the pod at walk->location, or drops it if it has a drop reason. The drop
 * counts for that pod.
 */
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
