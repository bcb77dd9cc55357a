/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is remembered about sockets between a call that a Service leads to a backend and later calls
 * that have to show the Service to the process (shared-sockets.h).
 */
#pragma once

#include "addresses.h"
#include "maps.h"
#include "socket-address.h"

enum {
	/* Entries of one unconnected socket that are deleted with it. The rest is left to the LRU. */
	MAX_FORGOTTEN = 256,
};

static __always_inline bool same_end(const struct address *address, __be16 port,
				     const struct socket_address *other)
{
	return port == other->port && same_address(address, &other->address);
}

/* --- connected sockets --- */

static __always_inline void remember_peer(const struct socket_call *call,
					  const struct socket_address *frontend)
{
	struct connected_socket entry = {
		.cookie = call->cookie,
		.frontend = frontend->address,
		.backend = call->destination.address,
		.frontend_port = frontend->port,
		.backend_port = call->destination.port,
		.protocol = call->protocol,
	};

	bpf_map_update_elem(&connected_sockets, &entry.cookie, &entry, BPF_ANY);
}

/* The lookup alone takes no lock, and most sockets have no entry. */
static __always_inline void forget_peer(__u64 cookie)
{
	if (bpf_map_lookup_elem(&connected_sockets, &cookie))
		bpf_map_delete_elem(&connected_sockets, &cookie);
}

/* Replaces a backend with the frontend to which the process connected. Returns false if it did not. */
static __always_inline bool show_peer(__u64 cookie, struct socket_address *shown)
{
	const struct connected_socket *found = bpf_map_lookup_elem(&connected_sockets, &cookie);
	struct connected_socket entry;

	if (!found)
		return false;
	entry = *found;
	barrier();
	if (*(const volatile __u64 *)&found->cookie != cookie)
		return false;
	if (!same_end(&entry.backend, entry.backend_port, shown))
		return false;
	shown->address = entry.frontend;
	shown->port = entry.frontend_port;
	return true;
}

/* --- unconnected UDP sockets --- */

static __always_inline struct datagram_key datagram_key(__u64 cookie, enum datagram_kind kind,
							const struct socket_address *with)
{
	return (struct datagram_key){
		.cookie = cookie,
		.address = with->address,
		.port = with->port,
		.kind = kind,
	};
}

static __always_inline bool is_datagram_key(const volatile struct datagram_key *found,
					    const struct datagram_key *key)
{
	for (int i = 0; i < 4; i++) {
		if (found->address.word[i] != key->address.word[i])
			return false;
	}
	return found->cookie == key->cookie && found->port == key->port && found->kind == key->kind;
}

static __always_inline bool read_backend(const struct datagram_key *key, __u32 *backend,
					 __u32 *index)
{
	const struct datagram_entry *found = bpf_map_lookup_elem(&datagrams, key);

	if (!found)
		return false;
	*backend = found->backend;
	*index = found->index;
	barrier();
	return is_datagram_key(&found->key, key);
}

static __always_inline bool read_source(const struct datagram_key *key,
					struct socket_address *frontend)
{
	const struct datagram_entry *found = bpf_map_lookup_elem(&datagrams, key);

	if (!found)
		return false;
	frontend->address = found->frontend;
	frontend->port = found->frontend_port;
	barrier();
	return is_datagram_key(&found->key, key);
}

static __always_inline bool read_next(const struct datagram_key *key, struct datagram_key *next)
{
	const struct datagram_entry *found = bpf_map_lookup_elem(&datagrams, key);

	if (!found)
		return false;
	*next = found->next;
	barrier();
	return is_datagram_key(&found->key, key);
}

/*
 * Writes an entry; one that is new becomes the first of the socket's list. Two threads that add
 * entries at the same time may lose one from the list, which is left to the LRU. Uses `entry` as
 * its own memory.
 */
static __noinline void write_datagram(struct datagram_entry *entry)
{
	struct datagram_key newest = {.cookie = entry->key.cookie};
	bool is_new = !read_next(&entry->key, &entry->next);

	if (is_new && !read_next(&newest, &entry->next))
		entry->next = newest;
	bpf_map_update_elem(&datagrams, &entry->key, entry, BPF_ANY);
	if (!is_new)
		return;
	entry->next = entry->key;
	entry->key = newest;
	bpf_map_update_elem(&datagrams, &newest, entry, BPF_ANY);
}

/* Lets the socket's next datagrams to this frontend get the backend with this number. */
static __noinline void keep_backend(const struct datagram_key *key, __u32 backend, __u32 index)
{
	struct datagram_entry entry = {.key = *key, .backend = backend, .index = index};

	write_datagram(&entry);
}

/*
 * Lets datagrams from the destination seem to come from the address that the process gave. If the
 * socket sends to two that end at this destination, the last one counts. That may be the
 * destination itself, for which nothing is written first.
 */
static __noinline void keep_source(const struct socket_call *call,
				   const struct socket_address *given)
{
	struct datagram_entry entry = {
		.key = datagram_key(call->cookie, DATAGRAM_FROM, &call->destination),
		.frontend = given->address,
		.frontend_port = given->port,
	};
	struct socket_address known;

	if (!read_source(&entry.key, &known))
		known = call->destination;
	if (!same_end(&known.address, known.port, given))
		write_datagram(&entry);
}

/* Replaces the source of a datagram with the frontend to which the process had sent. */
static __always_inline bool show_source(__u64 cookie, struct socket_address *shown)
{
	struct datagram_key key = datagram_key(cookie, DATAGRAM_FROM, shown);
	struct socket_address frontend;

	if (!read_source(&key, &frontend))
		return false;
	*shown = frontend;
	return true;
}

/* Deletes the entries of a closed socket. */
static __noinline void forget_datagrams(__u64 cookie)
{
	struct datagram_key key = {.cookie = cookie};
	struct datagram_key next;

	for (int i = 0; i <= MAX_FORGOTTEN; i++) {
		if (!read_next(&key, &next))
			return;
		bpf_map_delete_elem(&datagrams, &key);
		if (!next.kind)
			return;
		key = next;
	}
}
