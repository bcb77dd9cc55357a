/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs at sockets remember (shared.h). Programs write, the agent may read.
 *
 * The kernel may reuse an element while a program reads it (shared-services.h), so values begin
 * with what identifies them.
 */
#pragma once

#include "shared-address.h"

/* --- connected sockets whose peer is a backend, by the socket's cookie --- */

struct connected_socket {
	__u64 cookie; /* repeated */
	struct address frontend; /* destination that the process gave */
	struct address backend;
	__be16 frontend_port;
	__be16 backend_port;
	__u8 protocol;
	__u8 pad[3];
};

/* --- datagrams of unconnected UDP sockets of the node's processes --- */

enum datagram_kind {
	DATAGRAM_NEWEST = 0, /* the beginning of the socket's list; no address */
	DATAGRAM_TO = 1, /* which backend datagrams to this frontend get */
	DATAGRAM_FROM = 2, /* from which frontend datagrams of this backend seem to come */
} __attribute__((packed));

struct datagram_key {
	__u64 cookie; /* of the socket */
	struct address address;
	__be16 port;
	enum datagram_kind kind;
	__u8 pad[5];
};

/* The entries of a socket form a list, so that all can be deleted when it is closed. */
struct datagram_entry {
	struct datagram_key key; /* repeated */
	struct datagram_key next; /* the one that was made before; DATAGRAM_NEWEST: none */
	__u32 backend; /* DATAGRAM_TO: its number */
	__u32 index; /* DATAGRAM_TO: where it was in its list: a hint */
	struct address frontend; /* DATAGRAM_FROM */
	__be16 frontend_port;
	__u16 pad[3];
};
