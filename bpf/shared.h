/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every struct and enum that crosses between the kernel and user space: the one source of truth.
 * `npm run generate` reads them from the compiled object's BTF and writes src/datapath/generated.ts.
 *
 * Byte order: addresses, MACs and everything typed __be* stand in network order and are never
 * swapped in C; the generated codecs are the only border. Everything else is host-ordered.
 * Key structs have no implicit padding: padding is named `pad` and zero.
 */
#pragma once

#include <linux/types.h>

/* IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2): one type and one path for both families. */
struct address {
	__be32 word[4];
};

struct mac {
	__u8 byte[6];
};

/* --- endpoints: a pod's interface on this node, keyed by the host-side veth's ifindex --- */

struct endpoint_key {
	__u32 ifindex;
};

struct endpoint {
	struct address ipv4; /* all zero: the pod has no address of that family */
	struct address ipv6;
	struct mac mac; /* of the pod's side */
	__u16 id; /* 1..: index into endpoint_counters */
};

/* --- addresses: where one address is, as far as this node must know --- */

enum location_kind {
	LOCATION_ENDPOINT = 1, /* a pod on this node */
	LOCATION_HOST = 2, /* this node itself: goes up the stack */
};

struct location {
	__u32 kind; /* enum location_kind */
	__u32 ifindex; /* LOCATION_ENDPOINT: the host-side veth */
	struct mac mac; /* LOCATION_ENDPOINT: of the pod's side */
	__u16 endpoint_id; /* LOCATION_ENDPOINT */
};

/* --- routes: where a pod prefix is, longest match --- */

struct route_key {
	__u32 prefix_length; /* of the mapped address: an IPv4 /24 is 120 */
	struct address address;
};

enum route_kind {
	ROUTE_LOCAL = 1, /* this node's own range: an address in it without an endpoint is no pod */
	ROUTE_NATIVE = 2, /* next_hop is a neighbour on ifindex */
	ROUTE_OVERLAY =
		3, /* next_hop is the remote node's tunnel address, ifindex the VXLAN device */
};

struct route {
	__u32 kind; /* enum route_kind */
	__u32 ifindex;
	struct address next_hop;
	__u32 mtu; /* bytes, IP header included; longer packets go up the stack for an ICMP error */
	__u32 vni; /* ROUTE_OVERLAY */
};

/* --- flows: one entry a connection, shared by both directions and both endpoints --- */

/* The two ends in a fixed order (lower address, then lower port first): both directions meet in one key. */
struct flow_key {
	struct address low;
	struct address high;
	__be16 low_port; /* ICMP echo: the identifier, on both ends */
	__be16 high_port;
	__u8 protocol;
	__u8 pad[3];
};

enum flow_direction {
	FLOW_FROM_LOW = 0,
	FLOW_FROM_HIGH = 1,
};

enum flow_flag {
	FLOW_STARTED_BY_HIGH = 1, /* the first packet came from the high end */
	FLOW_CLOSED = 2, /* both FINs or one RST seen and reported */
};

struct flow {
	__u64 created_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 last_seen_ns;
	__u64 bytes[2]; /* by enum flow_direction; IP packet bytes */
	__u32 packets[2]; /* by enum flow_direction; wire packets, also inside GSO */
	__u8 tcp_flags[2]; /* by enum flow_direction: every flag seen so far */
	__u8 flags; /* enum flow_flag */
	__u8 pad;
	__u32 ifindex; /* of the local endpoint that saw the first packet */
};

/* --- counters --- */

enum traffic_direction {
	INGRESS = 0, /* always seen from the pod */
	EGRESS = 1,
};

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 dropped_packets;
};

struct endpoint_counters {
	struct traffic traffic[2]; /* by enum traffic_direction */
};

enum drop_reason {
	DROP_NONE = 0,
	DROP_MALFORMED = 1, /* a header is cut off or contradicts itself */
	DROP_NOT_IP = 2, /* ARP and other link protocols: a pod needs none */
	DROP_SPOOFED_MAC = 3,
	DROP_SPOOFED_ADDRESS = 4,
	DROP_LINK_LOCAL =
		5, /* link-local and multicast traffic a pod emits (NDP, MLD): not routed */
	DROP_UNKNOWN_ENDPOINT = 6, /* the interface has no endpoint entry (yet) */
	DROP_NO_ENDPOINT = 7, /* the address is in this node's pod range but no pod has it */
	DROP_NO_TUNNEL = 8, /* the overlay got a packet for a prefix that no remote node has */
	DROP_EXTENSION_HEADERS = 9, /* more IPv6 extension headers than we follow */
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
	__u64 created_ns; /* FLOW_CLOSE: when the flow began */
	struct address source; /* FLOW_NEW, FLOW_CLOSE: the end that started it */
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 kind; /* enum flow_event_kind */
	__u8 reason; /* FLOW_DROP: enum drop_reason */
	__u8 direction; /* enum traffic_direction, of the endpoint `ifindex` */
	__u32 ifindex; /* of the endpoint that saw it; 0: none */
	__u8 tcp_flags;
	__u8 pad[3];
	__u64 bytes[2]; /* FLOW_CLOSE: sent by source, sent by destination */
	__u32 packets[2];
};

/* Per CPU: keeps a packet flood from becoming an event flood. */
struct event_budget {
	__u64 window_start_ns;
	__u64 used; /* events sent in this window */
	__u64 suppressed; /* since load: over the budget */
	__u64 lost; /* since load: the ring was full */
};
