/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters, drop reasons and flow events, which the programs write for the agent (shared.h).
 */
#pragma once

#include "shared-address.h"
#include "shared-flow.h"

/* --- counters --- */

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 dropped_packets;
};

/* An endpoint's share of a CPU's event budget (bpf/event-budget.h). */
struct event_share {
	__u64 window_start_ns;
	__u32 used; /* in this window */
	__u32 pad;
	__u64 suppressed; /* since the endpoint was added */
};

struct endpoint_counters {
	struct traffic traffic[2]; /* by enum traffic_direction */
	struct event_share events[2]; /* by enum traffic_direction */
};

enum drop_reason {
	DROP_NONE = 0,
	DROP_MALFORMED = 1, /* a header is cut off or contradicts itself */
	DROP_NOT_IP = 2, /* ARP, VLAN tags and other link protocols: pods need none of them */
	DROP_SPOOFED_MAC = 3,
	DROP_SPOOFED_ADDRESS = 4,
	DROP_LINK_LOCAL = 5, /* to a link-local or multicast address (NDP, MLD): not routed */
	DROP_UNKNOWN_ENDPOINT = 6, /* the interface has no endpoint entry (yet) */
	DROP_NO_ENDPOINT = 7, /* the address is in this node's pod range, but no pod has it */
	DROP_NO_TUNNEL = 8, /* the overlay got a packet for a prefix that no remote node has */
	DROP_EXTENSION_HEADERS = 9, /* more IPv6 extension headers than the programs follow */
	DROP_TUNNEL_PORT = 10, /* a pod sends to the port where nodes end their tunnels */
	DROP_SPOOFED_TUNNEL =
		11, /* not from the node that has the inner source, or not our tunnel */
	DROP_MARTIAN = 12, /* a pod sends to a loopback or unspecified address */
	DROP_FORGED_ERROR = 13, /* an ICMP error about a packet that was not sent to its sender */
	DROP_NEIGHBOUR_DISCOVERY = 14, /* its sender would act as a neighbour (RFC 4861) */
	DROP_SOURCE_ROUTE = 15, /* the packet itself specifies its route */
	DROP_SPOOFED_OUTSIDE = 16, /* a pod's address on an interface where that pod never sends */
	DROP_NO_LOCAL_BACKEND = 17, /* traffic policy Local: every backend is on another node */
	DROP_SOURCE_RANGE = 18, /* the client is in none of the Service's source ranges */
	DROP_REASON_COUNT,
};

struct drop_counter {
	__u64 packets;
	__u64 bytes;
};

/* --- flow events, through the ring buffer --- */

enum flow_event_kind {
	FLOW_NEW = 1,
	FLOW_CLOSE = 2,
	FLOW_DROP = 3,
};

struct flow_event {
	__u64 time_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 created_ns; /* start of the flow; FLOW_DROP: same as time_ns */
	struct address source; /* FLOW_NEW, FLOW_CLOSE: the end that started the flow */
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	enum flow_event_kind kind;
	enum drop_reason reason; /* FLOW_DROP */
	enum traffic_direction
		direction; /* of the first packet, seen from the endpoint `ifindex` */
	__u32 ifindex; /* host-side veth of the endpoint that saw the first packet; 0: none */
	__u8 protocol;
	__u8 tcp_flags; /* FLOW_CLOSE: all flags of both ends; otherwise of this packet */
	__be16 frontend_port; /* FLOW_NEW; 0: none */
	struct address frontend; /* Service that led the sender's socket to `destination` */
	__u64 bytes[2]; /* sent by source, sent by destination, so far */
	__u64 packets[2];
};

/* Per CPU: keeps a packet flood from becoming an event flood. */
struct event_budget {
	__u64 window_start_ns;
	__u64 used; /* events sent in this window beyond those that endpoints are guaranteed */
	__u64 suppressed; /* since load: over the budget */
	__u64 lost; /* since load: the ring was full */
};
