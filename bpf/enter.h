/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Last steps of every way in.
 */
#pragma once

#include "addresses.h"
#include "deliver-pod.h"
#include "packet.h"

/* The packet is for the endpoint at `location`. */
static __always_inline enum verdict enter_endpoint(struct __sk_buff *skb, struct packet *packet,
						   const struct location *location)
{
	packet->ifindex = location->ifindex;
	packet->receiver = location->endpoint_id;
	if (packet->reason)
		return VERDICT_DROP;
	return deliver(skb, packet, location);
}
