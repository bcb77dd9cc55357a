/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow state: one entry for both directions of a connection.
 *
 * The map is an LRU: under pressure the kernel may hand an entry to another connection while we
 * still hold a pointer to it, and a few counts go astray. What is decided by an entry (ends.h) is
 * compared with the packet's own addresses for that.
 */
#pragma once

#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include "ends.h"
#include "events.h"
#include "maps.h"
#include "packet.h"

/* The flow of a packet, if there is one, and what is needed to open one. */
struct flow_match {
	struct flow_key key;
	enum flow_direction sent;
	struct flow *flow;
	__u32 generation; /* the stamp of whatever is looked up for it (ends.h) */
	__u64 now;
};

/* `generation`: of the tables, read before anything was looked up. */
static __always_inline struct flow_match begin_match(__u32 generation)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct flow_match match = {.generation = generation + (__u32)(now >> stamp_shift),
				   .now = now};

	return match;
}

/* True if it is the low one of the two ends: the smaller address, or, if equal, the smaller port. */
static __always_inline bool is_low_end(const struct address *address, __be16 port,
				       const struct address *other, __be16 other_port)
{
	for (int i = 0; i < 4; i++) {
		__u32 own = bpf_ntohl(address->word[i]);
		__u32 others = bpf_ntohl(other->word[i]);

		if (own != others)
			return own < others;
	}
	return bpf_ntohs(port) <= bpf_ntohs(other_port);
}

static __always_inline void set_ends(struct flow_key *key, const struct address *low,
				     __be16 low_port, const struct address *high, __be16 high_port)
{
	key->low = *low;
	key->high = *high;
	key->low_port = low_port;
	key->high_port = high_port;
}

static __always_inline enum flow_direction flow_key_of(const struct packet *packet,
						       struct flow_key *key)
{
	*key = (struct flow_key){.protocol = packet->protocol};
	if (is_low_end(&packet->source, packet->source_port, &packet->destination,
		       packet->destination_port)) {
		set_ends(key, &packet->source, packet->source_port, &packet->destination,
			 packet->destination_port);
		return FLOW_FROM_LOW;
	}
	set_ends(key, &packet->destination, packet->destination_port, &packet->source,
		 packet->source_port);
	return FLOW_FROM_HIGH;
}

static __always_inline bool is_opening(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Four bytes of an entry as one word, so that what two processors learn at once adds up. */
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

/* Kernel NAT owns it: no packet of it goes straight on any more. */
static __always_inline void keep_on_stack(struct flow *flow)
{
	union flow_word stack = {.path = FLOW_THROUGH_STACK};

	if (flow->path != FLOW_THROUGH_STACK)
		__sync_fetch_and_or(word_of(flow), stack.word);
}

/* All but what is known of its ends. */
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

/* The only way a flow closes here is TCP's; user space ends the others when they fall idle. */
static __always_inline bool is_finished(const struct flow *flow)
{
	__u32 either = flow->tcp_flags[0] | flow->tcp_flags[1];
	__u32 both = flow->tcp_flags[0] & flow->tcp_flags[1];

	return (either & TCP_RST) || (both & TCP_FIN);
}

/* A flag of this end that the entry does not have yet: a few packets of a connection get here. */
static __noinline void learn_flags(struct flow *flow, const struct packet *packet,
				   enum flow_direction sent, __u64 now)
{
	union flow_word closed = {.state = FLOW_CLOSED};

	__sync_fetch_and_or(word_of(flow), flags_word(packet, sent));
	if (!is_finished(flow))
		return;
	/* Both ends may get here at once, on two CPUs: only one reports. */
	if ((__sync_fetch_and_or(word_of(flow), closed.word) & closed.word) == 0)
		report_closed_flow(packet, flow, sent, now);
}

/*
 * A reset or a FIN that its receiver does not accept (a wrong sequence number, a wrong checksum)
 * ends nothing. It shows by who sent it: who has reset a connection sends nothing of it but resets,
 * and who has sent its FIN sends no data. What the other end has under way says nothing.
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
	/* The coarse clock stands still for milliseconds: most packets need not write it. */
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

/*
 * 1. A reset for a connection we do not know opens nothing (it answers a stray packet).
 * 2. Two CPUs may open the same flow at once: the second one finds the entry of the first.
 */
static __noinline void open_flow(const struct packet *packet, const struct flow_match *match,
				 const struct found_ends *found, __u64 now)
{
	struct flow fresh = {};
	struct flow *other;

	if (packet->tcp_flags & TCP_RST) /* 1 */
		return;
	if (found) {
		fresh.generation = match->generation;
		begin_ends(&fresh, found, match->sent);
	}
	begin_flow(&fresh, packet, match->sent, now);
	if (bpf_map_update_elem(&flows, &match->key, &fresh, BPF_NOEXIST) == 0) {
		report_new_flow(packet, now);
		return;
	}
	other = bpf_map_lookup_elem(&flows, &match->key); /* 2 */
	if (other)
		update_flow(other, packet, match->sent, now);
}

/* The same two ends and ports begin anew on the entry that the old connection left. */
static __noinline void restart_flow(struct flow *flow, const struct packet *packet,
				    enum flow_direction sent, __u64 now)
{
	if (flow->state == FLOW_WENT_ON)
		report_closed_flow(packet, flow, sent, now);
	begin_flow(flow, packet, sent, now);
	report_new_flow(packet, now);
}

static __always_inline void match_flow(const struct packet *packet, struct flow_match *match)
{
	match->sent = flow_key_of(packet, &match->key);
	match->flow = bpf_map_lookup_elem(&flows, &match->key);
}

/*
 * A SYN-ACK goes by the entry that the SYN before it has opened: that one was looked up, and its
 * receiver has sent nothing since. Any other SYN may begin a connection that goes another way.
 */
static __always_inline bool answers_opening(const struct packet *packet,
					    const struct flow_match *match)
{
	__u8 both = TCP_SYN | TCP_ACK;

	return (packet->tcp_flags & both) == both && !packet->is_piece &&
	       !match->flow->tcp_flags[match->sent & 1] &&
	       (match->flow->tcp_flags[!(match->sent & 1)] & both) == TCP_SYN;
}

/* Before the packet's way is decided. */
static __always_inline void recall_flow(struct packet *packet, struct flow_match *match)
{
	match_flow(packet, match);
	if (match->flow && answers_opening(packet, match))
		packet->goes_by_entry = true;
}

/* A packet of an entry that is there. */
static __always_inline void continue_flow(const struct packet *packet,
					  const struct flow_match *match, __u64 now)
{
	if (match->flow->state != FLOW_OPEN && is_opening(packet))
		restart_flow(match->flow, packet, match->sent, now);
	else
		update_flow(match->flow, packet, match->sent, now);
}

/* `found`: what looking it up has found out of its ends, or NULL. */
static __always_inline void account_flow(const struct packet *packet,
					 const struct flow_match *match,
					 const struct found_ends *found)
{
	if (!match->flow) {
		open_flow(packet, match, found, match->now);
		return;
	}
	continue_flow(packet, match, match->now);
	if (found)
		remember_ends(match->flow, found, match->sent, match->generation);
}
