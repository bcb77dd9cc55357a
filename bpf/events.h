/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow events for user space: a few per connection, never one per packet.
 */
#pragma once

#include "addresses.h"
#include "event-budget.h"
#include "maps.h"
#include "packet.h"

static __always_inline struct event_share *share_of_packet(const struct packet *packet)
{
	__u32 endpoint_id = packet->direction == EGRESS ? packet->sender : packet->receiver;

	return share_of(endpoint_id, packet->direction);
}

static __noinline void count_lost_event(void)
{
	__u32 zero = 0;
	struct event_budget *budget = bpf_map_lookup_elem(&event_budget, &zero);

	if (budget)
		budget->lost++;
}

/* Returns a record to fill for send_event(), or NULL: over the budget, or the ring is full. */
static __always_inline struct flow_event *new_event(struct event_share *share, __u64 now)
{
	struct flow_event *event;

	if (!spend_event(share, now))
		return NULL;
	event = bpf_ringbuf_reserve(&flow_events, sizeof(*event), 0);
	if (!event)
		count_lost_event();
	return event;
}

/*
 * User space drains the ring on a timer, so that an event costs no wake-up. Only a ring that fills
 * faster than that wakes user space. Each wake-up is an interrupt that this CPU sends to itself. A
 * late reader is therefore not woken for each event, but for a few events in each sixteenth of the
 * ring. One is not enough, because events that other CPUs send at the same time may skip the
 * boundary.
 */
static __always_inline bool is_time_to_wake(__u64 waiting)
{
	enum {
		EVERY = FLOW_EVENTS_BYTES / 16,
		FEW = 16 * sizeof(struct flow_event),
	};

	return waiting > FLOW_EVENTS_BYTES / 4 && waiting % EVERY < FEW;
}

static __always_inline void send_event(struct flow_event *event)
{
	__u64 waiting = bpf_ringbuf_query(&flow_events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(event,
			   is_time_to_wake(waiting) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* Fills in what this one packet shows; its sender is the source. */
static __noinline void describe_packet(struct flow_event *event, const struct packet *packet,
				       __u64 now)
{
	event->time_ns = now;
	event->created_ns = now;
	event->source = packet->source;
	event->destination = packet->destination;
	event->source_port = packet->source_port;
	event->destination_port = packet->destination_port;
	event->reason = packet->reason;
	event->direction = packet->direction;
	event->ifindex = packet->ifindex;
	event->protocol = packet->protocol;
	event->tcp_flags = packet->tcp_flags;
	event->frontend_port = 0;
	event->frontend = (struct address){};
	event->bytes[0] = packet->bytes;
	event->bytes[1] = 0;
	event->packets[0] = packet->segments;
	event->packets[1] = 0;
}

/*
 * Adds the Service that has led the sender's socket to the destination. The packet still refers to
 * the socket, also behind a pod's veth. The copy goes into the event, because the stack is nearly
 * full here. Its cookie is compared afterwards (shared-sockets.h).
 */
static __noinline void describe_service(struct flow_event *event, struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	const struct connected_socket *found = bpf_map_lookup_elem(&connected_sockets, &cookie);

	if (!found || found->backend_port != event->destination_port ||
	    !same_address(&found->backend, &event->destination))
		return;
	event->frontend = found->frontend;
	event->frontend_port = found->frontend_port;
	barrier();
	if (*(const volatile __u64 *)&found->cookie != cookie)
		event->frontend_port = 0;
}

/*
 * The three report functions are not static, so that the verifier checks each of them once instead
 * of once per path to it.
 */
__noinline int report_new_flow(struct __sk_buff *skb, const struct packet *packet, __u64 now)
{
	struct flow_event *event;

	if (!packet)
		return 0;
	event = new_event(share_of_packet(packet), now);
	if (!event)
		return 0;
	describe_packet(event, packet, now);
	if (services_on)
		describe_service(event, skb);
	event->kind = FLOW_NEW;
	send_event(event);
	return 0;
}

__noinline int report_drop(const struct packet *packet)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct flow_event *event;

	if (!packet)
		return 0;
	event = new_event(share_of_packet(packet), now);
	if (!event)
		return 0;
	describe_packet(event, packet, now);
	event->kind = FLOW_DROP;
	send_event(event);
	return 0;
}

/*
 * Share of the endpoint that saw the flow's first packet: one that opens many flows also pays for
 * their close events.
 */
static __always_inline struct event_share *share_of_opener(const struct flow *flow)
{
	const struct endpoint *endpoint = find_endpoint(flow->ifindex);

	return share_of(endpoint ? endpoint->id : 0, flow->direction);
}

/* `packet` closed the flow; it was sent in direction `sent`. */
__noinline int report_closed_flow(const struct packet *packet, const struct flow *flow, __u32 sent,
				  __u64 now)
{
	enum flow_direction first, second;
	struct flow_event *event;

	if (!packet || !flow)
		return 0;
	first = flow->initiator == FLOW_FROM_HIGH ? FLOW_FROM_HIGH : FLOW_FROM_LOW;
	second = first == FLOW_FROM_HIGH ? FLOW_FROM_LOW : FLOW_FROM_HIGH;
	event = new_event(share_of_opener(flow), now);
	if (!event)
		return 0;
	describe_packet(event, packet, now);
	if (sent != first) {
		event->source = packet->destination;
		event->source_port = packet->destination_port;
		event->destination = packet->source;
		event->destination_port = packet->source_port;
	}
	event->kind = FLOW_CLOSE;
	event->created_ns = flow->created_ns;
	event->direction = flow->direction;
	event->ifindex = flow->ifindex;
	event->tcp_flags = flow->tcp_flags[0] | flow->tcp_flags[1];
	event->bytes[0] = flow->bytes[first];
	event->bytes[1] = flow->bytes[second];
	event->packets[0] = flow->packets[first];
	event->packets[1] = flow->packets[second];
	send_event(event);
	return 0;
}
