/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables that the agent writes and the programs read (shared.h).
 */
#pragma once

#include "shared-address.h"

/* --- endpoints: a pod's interface on this node, keyed by the host-side veth's ifindex --- */

struct endpoint_key {
	__u32 ifindex;
};

struct endpoint {
	struct address ipv4; /* all zero: the pod has no address of that family */
	struct address ipv6;
	struct mac mac; /* of the pod's side */
	__u16 id; /* 1..: index into endpoint_counters */
	__u32 queue; /* interface that its packets have to pass; 0: not limited (limit.h) */
};

/* --- addresses: location of each single address that this node has to know --- */

enum location_kind {
	LOCATION_ENDPOINT = 1, /* a pod on this node */
	LOCATION_HOST = 2, /* this node itself: packets go up the stack */
	LOCATION_HOST_PLAIN = 3, /* the same, but node ports do not answer there */
};

struct location {
	enum location_kind kind;
	__u32 ifindex; /* LOCATION_ENDPOINT: the host-side veth */
	__u16 endpoint_id; /* LOCATION_ENDPOINT */
	__u16 queued; /* 1: its ingress is limited, and waits in the queue of its veth */
};

/* --- routes: location of pod prefixes, longest match --- */

struct route_key {
	__u32 prefix_length; /* of the mapped address: an IPv4 /24 is 120 */
	struct address address;
};

enum route_kind {
	ROUTE_LOCAL = 1, /* this node's range: no pod has an address in it without an endpoint */
	ROUTE_NATIVE = 2, /* next_hop is a neighbour on ifindex */
	ROUTE_OVERLAY = 3, /* next_hop is the remote node's address, ifindex the VXLAN device */
	/*
	 * Mode vxlan: an address of a remote node, not of a pod. Packets for it take the stack.
	 * next_hop is the address from which that node's tunnel packets come; all zero: none.
	 */
	ROUTE_NODE = 4,
	/*
	 * Like ROUTE_NATIVE, but packets take the stack in both directions: one of the interfaces
	 * has no Ethernet header, and packets that arrive there cannot go directly to a pod.
	 */
	ROUTE_STACK = 5,
};

struct route {
	enum route_kind kind;
	__u32 ifindex;
	struct address next_hop;
	__u32 mtu; /* bytes, IP header included; longer packets go up the stack for an ICMP error */
	__u32 vni; /* ROUTE_OVERLAY, ROUTE_NODE */
	/* ROUTE_NATIVE, ROUTE_STACK: other uplinks where packets of its pods may arrive; 0: none */
	__u32 other_ifindex[3];
};

/* --- underlay: this node's tunnel end, and the way out that bypasses the VXLAN device --- */

struct underlay {
	struct address address; /* address to which other nodes' tunnels send; all zero: none */
	__u32 ifindex; /* uplink that has the address; 0: none, and all packets go to the device */
	__be16 port; /* UDP port of every node's end; 0: mode native */
	__u16 pad;
};
