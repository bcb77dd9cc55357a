/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 4: packets to Services. The programs choose the backend and write its number into skb->mark.
 * The nftables table `heddle_services` translates the first packet of a connection by that mark,
 * and connection tracking all others.
 *
 * Two packets of a connection may have different numbers: only the first one's counts.
 */
#pragma once

#include <linux/in.h>
#include "addresses.h"
#include "flow-state.h"
#include "ids.h"
#include "packet.h"
#include "select-backend.h"
#include "walk.h"

enum {
	SCTP_INIT = 1, /* chunk type; the chunk is the only one of its packet (RFC 9260 6.10) */
};

static __always_inline bool has_service_ports(const struct packet *packet)
{
	return !packet->is_fragment &&
	       (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP ||
		packet->protocol == IPPROTO_SCTP);
}

static __always_inline bool is_sctp_init(struct __sk_buff *skb, const struct packet *packet)
{
	const __u8 *type;

	if (packet->bytes <= packet->header_bytes)
		return false;
	type = header_at(skb, packet->transport + SCTP_HEADER_BYTES, sizeof(*type));
	return type && *type == SCTP_INIT;
}

/*
 * True if the packet may be the first one of a connection. Connection tracking finds the connection
 * of every other packet, or nftables drops the packet.
 */
static __always_inline bool may_begin(struct __sk_buff *skb, const struct packet *packet)
{
	if (packet->protocol == IPPROTO_TCP)
		return is_opening(packet);
	return packet->protocol == IPPROTO_UDP || is_sctp_init(skb, packet);
}

/* Masquerades also what a pod sends to itself: it would answer itself directly. */
static __always_inline __u32 mark_of_backend(const struct selection *selection)
{
	const struct slot *backend = &selection->backend;
	__u32 mark = SERVICE_MARK | (backend->backend & SERVICE_BACKEND_MASK);

	if (selection->choice.masquerade ||
	    same_address(&backend->address, &selection->client.client))
		mark |= SERVICE_MASQUERADE;
	return mark;
}

/*
 * True for a packet that may be an answer to the node, or to a pod behind it, at a port that is a
 * node port as well: only connection tracking knows. nftables drops the others.
 */
static __always_inline bool may_answer(const struct packet *packet, const struct location *location)
{
	return location && packet->protocol == IPPROTO_UDP;
}

static __always_inline __u32 mark_of(enum selected selected, const struct selection *selection,
				     struct packet *packet, const struct location *location)
{
	switch (selected) {
	case SELECTED_NOTHING:
		return 0;
	case SELECTED_BACKEND:
		return mark_of_backend(selection);
	case SELECTED_REFUSAL:
		return SERVICE_MARK | SERVICE_REFUSE;
	case SELECTED_NO_ANSWER:
		if (may_answer(packet, location))
			return SERVICE_MARK | SERVICE_SILENT;
		packet->reason = DROP_NO_LOCAL_BACKEND;
		return SERVICE_MARK;
	case SELECTED_NO_ENTRANCE:
		packet->reason = DROP_SOURCE_RANGE;
		return SERVICE_MARK;
	default:
		return SERVICE_MARK;
	}
}

/*
 * Returns true, and prepares the selection, if the packet is to a Service. `location` is that of
 * its destination, which is no pod's here. ICMP and later fragments have no ports: they take the
 * stack without a mark. Connection tracking knows which connection an error is about. It gets
 * fragments reassembled, with the mark of the first one.
 */
static __always_inline bool is_to_service(const struct packet *packet,
					  const struct location *location,
					  struct selection *selection)
{
	if (!has_service_ports(packet))
		return false;
	selection->frontend = (struct service_key){
		.address = packet->destination,
		.port = packet->destination_port,
		.protocol = packet->protocol,
	};
	return find_frontend(&selection->frontend, location);
}

/* Returns the packet's mark. Sets packet->reason if the packet has to be dropped. */
static __always_inline __u32 select_mark(struct __sk_buff *skb, struct packet *packet,
					 const struct location *location,
					 struct selection *selection)
{
	if (!may_begin(skb, packet))
		return SERVICE_MARK;
	selection->client.client = packet->source;
	selection->client_port = packet->source_port;
	selection->has_flow = true;
	return mark_of(select_backend(selection), selection, packet, location);
}

/* Returns the mark of a packet to a Service, or 0: it is to none. May set packet->reason. */
static __noinline __u32 service_mark(struct __sk_buff *skb, struct packet *packet,
				     const struct location *location, bool is_outside)
{
	struct selection selection = {.is_outside = is_outside};

	if (!is_to_service(packet, location, &selection))
		return 0;
	return select_mark(skb, packet, location, &selection);
}

/*
 * 7.4 The stack. The packet's flow does not remember this way: each packet is looked up, or one
 * whose way is known would leave without a mark, untranslated. So walk->found.receiver stays empty.
 *
 * Overwrites a mark of another program: without ours the packet would not reach the Service.
 */
static __always_inline void leave_to_service(struct __sk_buff *skb, struct walk *walk, __u32 mark)
{
	skb->mark = mark;
	stop(walk, walk->packet.reason ? VERDICT_DROP : VERDICT_NEXT);
}
