/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every struct and enum that crosses between the kernel and user space: the one source of truth.
 * `npm run generate` reads them from the compiled object's BTF and writes src/datapath/generated.ts.
 *
 * Byte order: addresses, MACs and everything typed __be* stand in network order and are never
 * swapped in C; the generated codecs are the only border. Everything else is host-ordered.
 * Structs have no implicit padding: padding is named `pad` and zero. Enums stand as members under
 * their own type, which is what keeps their names in BTF.
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
	__u32 queue; /* interface that what it sends has to pass; 0: it is not limited (limit.h) */
};

/* --- addresses: where one address is, as far as this node must know --- */

enum location_kind {
	LOCATION_ENDPOINT = 1, /* a pod on this node */
	LOCATION_HOST = 2, /* this node itself: goes up the stack */
};

struct location {
	enum location_kind kind;
	__u32 ifindex; /* LOCATION_ENDPOINT: the host-side veth */
	__u16 endpoint_id; /* LOCATION_ENDPOINT */
	__u16 queued; /* 1: what it receives is limited, and waits in the queue of its veth */
};

/* --- routes: where a pod prefix is, longest match --- */

struct route_key {
	__u32 prefix_length; /* of the mapped address: an IPv4 /24 is 120 */
	struct address address;
};

enum route_kind {
	ROUTE_LOCAL = 1, /* this node's own range: an address in it without an endpoint is no pod */
	ROUTE_NATIVE = 2, /* next_hop is a neighbour on ifindex */
	ROUTE_OVERLAY = 3, /* next_hop is the remote node's address, ifindex the VXLAN device */
	/*
	 * Mode vxlan: an address of a remote node, not of a pod. Packets for it take the stack; next_hop
	 * is the address that this node's tunnel packets come from, all zero: none.
	 */
	ROUTE_NODE = 4,
	/*
	 * As ROUTE_NATIVE, but its packets take the stack both ways: one of the interfaces has no Ethernet
	 * header, and what comes in there cannot go straight to a pod.
	 */
	ROUTE_STACK = 5,
};

struct route {
	enum route_kind kind;
	__u32 ifindex;
	struct address next_hop;
	__u32 mtu; /* bytes, IP header included; longer packets go up the stack for an ICMP error */
	__u32 vni; /* ROUTE_OVERLAY, ROUTE_NODE */
	/* ROUTE_NATIVE, ROUTE_STACK: further uplinks that its pods' packets may come by; 0: none */
	__u32 other_ifindex[3];
};

/* --- underlay: this node's end of the tunnels, and the way out of it beside the VXLAN device --- */

struct underlay {
	struct address address; /* what other nodes' tunnels know this node by; all zero: nothing */
	__u32 ifindex; /* of the uplink that has it; 0: there is none, and all is the device's */
	__be16 port; /* UDP, of every node's end; 0: mode native */
	__u16 pad;
};

/* --- flows: one entry a connection, shared by both directions and both endpoints --- */

/*
 * The two ends in a fixed order (by address, then by port, both compared as they stand in the
 * packet, byte by byte): both directions meet in one key.
 */
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
} __attribute__((packed));

enum flow_state {
	FLOW_OPEN = 0,
	FLOW_CLOSED = 1, /* TCP: one RST or both FINs seen, and reported */
	/* FLOW_CLOSED and one bit more: it was no end; user space reports it again. */
	FLOW_WENT_ON = 3,
} __attribute__((packed));

/* Kernel NAT may own what came through the stack: both directions must then pass there. */
enum flow_path {
	FLOW_DIRECT = 0,
	FLOW_THROUGH_STACK = 1, /* to_pod has seen it */
} __attribute__((packed));

/* How a packet of the flow gets to one of its ends. */
enum flow_way {
	WAY_UNKNOWN = 0, /* not found yet, or not to be remembered: each packet is looked up */
	WAY_POD = 1, /* into the pod behind `ifindex` */
	WAY_NEIGHBOUR = 2, /* out of `ifindex`, by the IPv4 next hop in link[0] */
	WAY_TUNNEL = 3, /* into the VXLAN device `ifindex`; link[] has the remote IPv4, the VNI */
	WAY_NEIGHBOUR_IPV6 = 4, /* as its route says: an IPv6 next hop has no room here */
	WAY_STACK = 5, /* the node itself, or the world */
} __attribute__((packed));

enum traffic_direction {
	INGRESS = 0, /* always seen from the pod */
	EGRESS = 1,
};

enum {
	/* In link[1] beside two bytes of a MAC: its pod has been seen to send with it. */
	LINK_IS_MAC = 1 << 16,
	/* For `generation`: somebody is writing the ends. No table ever gets there. */
	GENERATION_IN_WORK = 0xffffffff,
};

/* What was found out about one end when the tables were of the flow's generation (bpf/ends.h). */
struct flow_end {
	__be32 address; /* its last word: an entry that has changed hands is noticed */
	__u32 ifindex; /* where its packets come from, and where those for it go */
	__u32 link[2]; /* as they stand in the packet: a pod's MAC, or a next hop, then the VNI */
	__u16 endpoint_id; /* 0: not of this node */
	__u16 mtu; /* on a way out of the node: longer packets are looked up */
};

/*
 * Every member below `end` is on one cache line, and the key and the ends are on the two before it:
 * an entry of the LRU has 48 bytes before its key, and 192 in all.
 */
struct flow {
	struct flow_end end[2]; /* low, high */
	__u32 generation; /* of the tables that `end` and `way` were found in */
	enum flow_way way[2]; /* to the low end, to the high end */
	enum flow_direction initiator; /* which end sent the first packet */
	__u8 direction; /* enum traffic_direction of the first packet, seen from `ifindex` */
	/* These four bytes change together, as one word (flow.h). */
	__u8 tcp_flags[2]; /* by enum flow_direction; every flag of that end so far */
	enum flow_state state;
	enum flow_path path;
	__u32 ifindex; /* of the local endpoint that saw the first packet */
	__u64 last_seen_ns;
	__u64 created_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 bytes[2]; /* by enum flow_direction; of IP packets as they would be on a wire */
	__u64 packets[2]; /* by enum flow_direction; each segment of a GSO packet is one */
};

/* --- counters --- */

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u64 dropped_packets;
};

/* What an endpoint's events may take of a CPU's budget (bpf/events.h). */
struct event_share {
	__u64 window_start_ns;
	__u32 used; /* in this window */
	__u32 pad;
	__u64 suppressed; /* since the endpoint began */
};

struct endpoint_counters {
	struct traffic traffic[2]; /* by enum traffic_direction */
	struct event_share events[2]; /* by enum traffic_direction */
};

enum drop_reason {
	DROP_NONE = 0,
	DROP_MALFORMED = 1, /* a header is cut off or contradicts itself */
	DROP_NOT_IP = 2, /* ARP, VLAN tags and other link protocols: a pod needs none */
	DROP_SPOOFED_MAC = 3,
	DROP_SPOOFED_ADDRESS = 4,
	DROP_LINK_LOCAL = 5, /* to a link-local or multicast address (NDP, MLD): not routed */
	DROP_UNKNOWN_ENDPOINT = 6, /* the interface has no endpoint entry (yet) */
	DROP_NO_ENDPOINT = 7, /* the address is in this node's pod range but no pod has it */
	DROP_NO_TUNNEL = 8, /* the overlay got a packet for a prefix that no remote node has */
	DROP_EXTENSION_HEADERS = 9, /* more IPv6 extension headers than we follow */
	DROP_TUNNEL_PORT = 10, /* a pod sends to the port at which nodes end their tunnels */
	DROP_SPOOFED_TUNNEL =
		11, /* not from the node that has the inner source, or not our tunnel */
	DROP_MARTIAN = 12, /* a pod sends to a loopback or unspecified address */
	DROP_FORGED_ERROR = 13, /* an ICMP error about a packet that was not sent to its sender */
	DROP_NEIGHBOUR_DISCOVERY = 14, /* its sender would speak as a neighbour (RFC 4861) */
	DROP_SOURCE_ROUTE = 15, /* the packet itself says which way it wants to take */
	DROP_SPOOFED_OUTSIDE = 16, /* a pod's address on an interface that it never comes from */
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
	__u64 created_ns; /* when the flow began; FLOW_DROP: as time_ns */
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
	__u8 tcp_flags; /* FLOW_CLOSE: of both ends, all seen; otherwise of this packet */
	__u8 pad[2];
	__u64 bytes[2]; /* sent by source, sent by destination, so far */
	__u64 packets[2];
};

/* Per CPU: keeps a packet flood from becoming an event flood. */
struct event_budget {
	__u64 window_start_ns;
	__u64 used; /* events sent in this window beyond what each endpoint is sure of */
	__u64 suppressed; /* since load: over the budget */
	__u64 lost; /* since load: the ring was full */
};
