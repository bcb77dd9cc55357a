/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables of Services, which the agent writes and the programs read (shared.h).
 *
 * The agent never changes a list of backends: a new list gets a number of its own. It writes the
 * slots of the new list, then the frontends, and deletes the slots of the old list last. So a
 * program that reads a frontend and then a slot sees the Service before the change or after it. If
 * the slot is missing, the program reads the frontend again.
 *
 * The kernel may reuse an element of a hash while a program reads it. For this reason values repeat
 * what identifies them, at their beginning: the kernel writes it first, and a program checks it
 * after it has copied the rest.
 */
#pragma once

#include "shared-address.h"

/* --- frontends: addresses and ports at which clients reach Services --- */

struct service_key {
	struct address address; /* :: or 0.0.0.0: a node port, at the node's addresses */
	__be16 port; /* 0, with protocol 0: every other port of a cluster address */
	__u8 protocol;
	__u8 pad;
};

enum choice_kind {
	CHOICE_BACKENDS = 1, /* one of the list */
	CHOICE_REFUSE = 2, /* the client gets an error at once */
	CHOICE_DROP = 3, /* the client gets no answer */
} __attribute__((packed));

/* What a client gets. */
struct choice {
	__u32 list; /* CHOICE_BACKENDS: number of a list of backends */
	__u16 count; /* of its slots; at least 1 */
	enum choice_kind kind;
	__u8 masquerade; /* 1: the backend sees an address of the node instead of the client's */
};

struct service_entry {
	struct service_key key; /* repeated */
	__u32 service; /* number of the Service's port: for its affinity and its source ranges */
	struct choice inside; /* for clients on this node: its pods and its processes */
	struct choice outside;
	__u32 affinity_seconds; /* 0: a client may get another backend with each connection */
	__u8 has_source_ranges; /* 1: clients that are in no range of `source_ranges` get no answer */
	__u8 is_consistent; /* 1: equal flows get equal backends on all nodes, by `lookups` */
	__u8 pad[2];
};

/* --- slots: the backends of a list --- */

struct slot_key {
	__u32 list;
	__u32 index; /* 0.. */
};

/* The slots of a list are in the order of their backend numbers, each of which it has once. */
struct slot {
	__u32 list; /* repeated */
	__u32 backend; /* number of address and port, 1.. (SERVICE_BACKEND_MASK) */
	struct address address;
	__be16 port;
	__u16 pad;
};

/* --- lookups: the backend for each hash of a flow, in blocks --- */

enum {
	LOOKUP_PLACES = 16381, /* of a list */
	BLOCK_PLACES = 478, /* of a block: an element of the map has 1,024 bytes */
};

/* Found by the list and the block's index. */
struct lookup_block {
	__u32 list; /* repeated */
	__u8 slots[2 * BLOCK_PLACES]; /* index of a slot for each place, the lower byte first */
};

/* --- source ranges: longest match of the client's address --- */

struct source_range_key {
	__u32 prefix_length; /* of the service's number and the mapped address: an IPv4 /24 is 152 */
	__u32 service;
	struct address address;
};

struct source_range {
	__u32 allowed; /* 1 */
};

/* --- affinities: which backend a client got; programs write them --- */

struct affinity_key {
	__u32 service;
	struct address client;
};

struct affinity {
	__u64 last_ns; /* CLOCK_MONOTONIC, coarse: of the last connection */
	__u32 backend;
	__u32 index; /* where it was in its list: a hint */
};
