/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walk of one packet through a program: the state that its steps pass on to each other. Every
 * program takes these steps, or some of them, and refers to them by these numbers:
 *
 *   1. read       the packet's headers
 *   2. recall     its flow and what that remembers; a known way leads directly to step 7
 *   3. identify   the sender
 *   4. translate  the destination
 *   5. decide     whether the packet may be sent
 *   6. find       the receiver
 *   7. take       the way to it
 *   8. record     the packet (finish.h)
 *
 * docs/datapath.md follows a packet by the same numbers.
 */
#pragma once

#include "flow-ends.h"
#include "flow-key.h"
#include "packet.h"

struct walk {
	struct packet packet;
	bool is_looked_up; /* the members from `found` to `route` are set by lookups */
	struct flow_match match;
	/* From lookups. The receiver may come from the flow's entry instead. */
	struct found_ends found;
	const struct location *location; /* of the destination; NULL: not in `addresses` */
	const struct route *route; /* to the destination, if it has no location */
	enum verdict verdict;
};

/*
 * `ifindex` is that of the endpoint that sees the packet; 0: not known yet. The other members are
 * set by the steps that find them, because every packet pays for a store here.
 */
static __always_inline void begin_walk(struct walk *walk, __u32 ifindex,
				       enum traffic_direction direction)
{
	walk->packet = (struct packet){.ifindex = ifindex, .direction = direction};
	walk->is_looked_up = false;
}

/* Called before the first lookup whose result the flow may remember. */
static __always_inline void begin_lookups(struct walk *walk)
{
	walk->found = (struct found_ends){};
	walk->route = NULL;
	walk->is_looked_up = true;
}

/* The functions below return false: after `return drop(walk, DROP_...)` no other step follows. */
static __always_inline bool stop(struct walk *walk, enum verdict verdict)
{
	walk->verdict = verdict;
	return false;
}

static __always_inline bool drop(struct walk *walk, enum drop_reason reason)
{
	walk->packet.reason = reason;
	return stop(walk, VERDICT_DROP);
}

/* Passes the packet on to another program, which records it. It leaves no trace here. */
static __always_inline bool stop_untraced(struct walk *walk, enum verdict verdict)
{
	walk->packet.sender = 0;
	walk->packet.receiver = 0;
	walk->packet.reason = DROP_NONE;
	return stop(walk, verdict);
}
