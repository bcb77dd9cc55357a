/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows: one entry per connection, shared by both directions and both endpoints (shared.h).
 */
#pragma once

#include "shared-address.h"

/*
 * The two ends in a fixed order, so that both directions have the same key. The order is by
 * address, then by port, both compared byte by byte as they are in the packet.
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
	/* FLOW_CLOSED and one more bit: the flow did not end. User space reports it again. */
	FLOW_WENT_ON = 3,
} __attribute__((packed));

/* Kernel NAT may own a flow that came through the stack: then both directions must pass it. */
enum flow_path {
	FLOW_DIRECT = 0,
	FLOW_THROUGH_STACK = 1, /* to_pod has seen it */
} __attribute__((packed));

/* Way of the flow's packets to one of its ends. */
enum flow_way {
	WAY_UNKNOWN = 0, /* not found yet, or not remembered: each packet is looked up */
	WAY_POD = 1, /* into the pod behind `ifindex` */
	WAY_NEIGHBOUR = 2, /* out of `ifindex`, by the IPv4 next hop in link[0] */
	WAY_TUNNEL = 3, /* into the VXLAN device `ifindex`; link[] has the remote IPv4, the VNI */
	WAY_NEIGHBOUR_IPV6 = 4, /* by its route: there is no room for an IPv6 next hop here */
	WAY_STACK = 5, /* the node itself, or the world */
} __attribute__((packed));

enum traffic_direction {
	INGRESS = 0, /* always as seen from the pod */
	EGRESS = 1,
};

enum {
	/* In link[1], next to two bytes of a MAC: the pod has been seen to send with this MAC. */
	LINK_IS_MAC = 1 << 16,
	/* Value of `generation` while a program writes the ends. No table reaches it. */
	GENERATION_IN_WORK = 0xffffffff,
};

/* Lookup results for one end, from tables of the flow's generation (bpf/flow-ends.h). */
struct flow_end {
	__be32 address; /* its last word: detects an entry that now belongs to another flow */
	__u32 ifindex; /* interface that its packets come from, and that packets to it go to */
	__u32 link[2]; /* a pod's MAC, or a next hop, both as in the packet; then the VNI */
	__u16 endpoint_id; /* 0: not an endpoint of this node */
	__u16 mtu; /* on a way out of the node: longer packets are looked up */
};

/*
 * All members below `end` are on one cache line, and the key and the ends are on the two before it:
 * an LRU entry has 48 bytes before its key, and 192 in all.
 */
struct flow {
	struct flow_end end[2]; /* low, high */
	__u32 generation; /* that of the tables in which `end` and `way` were found */
	enum flow_way way[2]; /* to the low end, to the high end */
	enum flow_direction initiator; /* which end sent the first packet */
	__u8 direction; /* enum traffic_direction of the first packet, seen from `ifindex` */
	/* These four bytes change together, as one word (flow-state.h). */
	__u8 tcp_flags[2]; /* by enum flow_direction; all flags of that end so far */
	enum flow_state state;
	enum flow_path path;
	__u32 ifindex; /* of the local endpoint that saw the first packet */
	__u64 last_seen_ns;
	__u64 created_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 bytes[2]; /* by enum flow_direction; of IP packets as they would be on the wire */
	__u64 packets[2]; /* by enum flow_direction; each segment of a GSO packet is one */
};
