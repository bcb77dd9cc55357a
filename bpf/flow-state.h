/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * State of a flow: how its entry begins, what each packet adds to it, and when it is closed.
 */
#pragma once

#include <linux/in.h>
#include "events.h"
#include "flow-key.h"
#include "packet.h"

static __always_inline bool is_opening(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Four bytes of an entry as one word, so that concurrent changes by two CPUs are combined. */
union flow_word {
	struct {
		__u8 tcp_flags[2];
		enum flow_state state;
		enum flow_path path;
	};
	__u32 word;
};

static __always_inline __u32 *word_of(struct flow *flow)
{
	return (__u32 *)flow->tcp_flags;
}

static __always_inline __u32 flags_word(const struct packet *packet, enum flow_direction sent)
{
	union flow_word flags = {};

	if (sent == FLOW_FROM_LOW)
		flags.tcp_flags[0] = packet->tcp_flags;
	else
		flags.tcp_flags[1] = packet->tcp_flags;
	return flags.word;
}

static __always_inline __u32 path_word(const struct packet *packet)
{
	union flow_word first = {
		.path = packet->through_stack ? FLOW_THROUGH_STACK : FLOW_DIRECT,
	};

	return first.word;
}

/* Notes that kernel NAT owns the flow: from now on no packet of it goes directly. */
static __always_inline void keep_on_stack(struct flow *flow)
{
	union flow_word stack = {.path = FLOW_THROUGH_STACK};

	if (flow->path != FLOW_THROUGH_STACK)
		__sync_fetch_and_or(word_of(flow), stack.word);
}

/* Sets everything except what the flow remembers about its ends. */
static __always_inline void begin_flow(struct flow *flow, const struct packet *packet,
				       enum flow_direction sent, __u64 now)
{
	enum flow_direction other = sent == FLOW_FROM_LOW ? FLOW_FROM_HIGH : FLOW_FROM_LOW;

	*word_of(flow) = flags_word(packet, sent) | path_word(packet);
	flow->initiator = sent;
	flow->direction = packet->direction;
	flow->ifindex = packet->ifindex;
	flow->last_seen_ns = now;
	flow->created_ns = now;
	flow->bytes[sent & 1] = packet->bytes;
	flow->bytes[other & 1] = 0;
	flow->packets[sent & 1] = packet->segments;
	flow->packets[other & 1] = 0;
}

/* Only TCP flows close here. User space ends the others when they are idle. */
static __always_inline bool is_finished(const struct flow *flow)
{
	__u32 either = flow->tcp_flags[0] | flow->tcp_flags[1];
	__u32 both = flow->tcp_flags[0] & flow->tcp_flags[1];

	return (either & TCP_RST) || (both & TCP_FIN);
}

/*
 * Adds a TCP flag that the entry does not have for this end yet. Only a few packets of a connection
 * get here.
 */
static __noinline void learn_flags(struct flow *flow, const struct packet *packet,
				   enum flow_direction sent, __u64 now)
{
	union flow_word closed = {.state = FLOW_CLOSED};

	__sync_fetch_and_or(word_of(flow), flags_word(packet, sent));
	if (!is_finished(flow))
		return;
	/* Both ends may get here at the same time, on two CPUs: only one reports. */
	if ((__sync_fetch_and_or(word_of(flow), closed.word) & closed.word) == 0)
		report_closed_flow(packet, flow, sent, now);
}

/*
 * A reset or a FIN that its receiver does not accept (wrong sequence number, wrong checksum) ends
 * nothing. Later packets from the same end show this: an end that has reset a connection sends only
 * resets for it, and an end that has sent its FIN sends no data. Packets of the other end may have
 * been in flight and show nothing.
 */
static __always_inline void look_for_life(struct flow *flow, const struct packet *packet,
					  enum flow_direction sent)
{
	union flow_word went_on = {.state = FLOW_WENT_ON};
	__u8 own = flow->tcp_flags[sent & 1];
	__u8 either = own | flow->tcp_flags[!(sent & 1)];
	bool has_data = packet->bytes > packet->segments * packet->header_bytes;

	if (packet->tcp_flags & (TCP_RST | TCP_FIN))
		return;
	if ((own & TCP_RST) || (!(either & TCP_RST) && has_data))
		__sync_fetch_and_or(word_of(flow), went_on.word);
}

static __always_inline void update_flow(struct flow *flow, const struct packet *packet,
					enum flow_direction sent, __u64 now)
{
	__sync_fetch_and_add(&flow->bytes[sent & 1], packet->bytes);
	__sync_fetch_and_add(&flow->packets[sent & 1], packet->segments);
	/* The coarse clock does not change for milliseconds, so most packets need not write it. */
	if (flow->last_seen_ns != now)
		flow->last_seen_ns = now;
	/* The same ends and ports may have been in direct use before (UDP). */
	if (packet->through_stack && flow->path != FLOW_THROUGH_STACK)
		__sync_fetch_and_or(word_of(flow), path_word(packet));
	if (flow->state == FLOW_CLOSED)
		look_for_life(flow, packet, sent);
	if (packet->tcp_flags & ~flow->tcp_flags[sent & 1])
		learn_flags(flow, packet, sent, now);
}
