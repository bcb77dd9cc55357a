/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a process gets that connects or sends to a Service.
 */
#pragma once

#include <linux/errno.h>
#include "addresses.h"
#include "maps.h"
#include "select-backend.h"
#include "socket-address.h"
#include "socket-memory.h"

/* Return values of programs at sockets. */
enum {
	CALL_FAILS = 0, /* with the error of bpf_set_retval() */
	CALL_GOES_ON = 1,
};

static __always_inline bool is_in_node(struct bpf_sock_addr *sock)
{
	return bpf_get_netns_cookie(sock) == node_netns_cookie;
}

/*
 * True for the node itself in the words of a process: 127.0.0.0/8, ::1, and the unspecified
 * addresses, for which the kernel puts these.
 */
static __always_inline bool is_loopback(const struct address *address)
{
	__u32 last = bpf_ntohl(address->word[3]);

	if (is_mapped_ipv4(address))
		return last >> 24 == 127 || last == 0;
	return (address->word[0] | address->word[1] | address->word[2]) == 0 && last <= 1;
}

/*
 * Identifies the client for affinity and source ranges. Its source address is not known yet. So
 * this is an address that no client has: ff00:: for the node, ff00::C for other namespaces, where C
 * is the namespace's cookie.
 */
static __always_inline struct address client_of(struct bpf_sock_addr *sock, bool is_node)
{
	__u64 cookie = is_node ? 0 : bpf_get_netns_cookie(sock);

	return (struct address){
		{bpf_htonl(0xff000000), 0, bpf_htonl(cookie >> 32), bpf_htonl((__u32)cookie)}};
}

/*
 * Stores in `key` the frontend that has the destination. A loopback address is the node's for its
 * processes, and a pod's own for those of a pod. Returns false if there is none.
 */
static __always_inline bool find_destination(struct service_key *key, bool is_node)
{
	const struct location *location;

	if (is_loopback(&key->address)) {
		key->address.word[3] = 0;
		return is_node && is_frontend(key);
	}
	location = locate(&key->address);
	return !is_pod(location) && find_frontend(key, location);
}

/*
 * True if clients keep their backends. A pod's packets do so by its address (pod.bpf.c); a process
 * could make any number of namespaces, and each would be another client here.
 */
static __always_inline bool has_affinity(const struct service_key *key)
{
	const struct service_entry *entry = bpf_map_lookup_elem(&frontends, key);

	return entry && entry->affinity_seconds;
}

/* Returns false if the destination is no frontend, or one that only packets reach. */
static __always_inline bool begin_selection(struct bpf_sock_addr *sock,
					    const struct socket_call *call,
					    struct selection *selection)
{
	*selection = (struct selection){
		.frontend =
			{
				.address = call->destination.address,
				.port = call->destination.port,
				.protocol = call->protocol,
			},
	};
	if (!find_destination(&selection->frontend, call->is_node))
		return false;
	if (!call->is_node && has_affinity(&selection->frontend))
		return false;
	selection->client.client = client_of(sock, call->is_node);
	return true;
}

static __always_inline int fail(int error)
{
	bpf_set_retval(-error);
	return CALL_FAILS;
}

/*
 * Ends a call without a backend. A pod's packets to the frontend meet a program that decides about
 * each by its source address, and drops and counts them (pod.bpf.c). The node's own packets do not:
 * they would leave the node, so its process gets an error.
 */
static __always_inline int answer_without_backend(const struct socket_call *call,
						  enum selected selected)
{
	if (selected == SELECTED_REFUSAL)
		return fail(ECONNREFUSED);
	return call->is_node ? fail(EHOSTUNREACH) : CALL_GOES_ON;
}

/* Ends a call to a frontend. */
static __always_inline int lead(struct socket_call *call, const struct selection *selection,
				enum selected selected)
{
	if (selected != SELECTED_BACKEND)
		return answer_without_backend(call, selected);
	/* A socket of one family has no addresses of the other. */
	if (is_mapped_ipv4(&selection->backend.address) !=
	    is_mapped_ipv4(&call->destination.address))
		return answer_without_backend(call, SELECTED_NO_ANSWER);
	call->destination.address = selection->backend.address;
	call->destination.port = selection->backend.port;
	call->is_led = true;
	return CALL_GOES_ON;
}

/* A process connects: its socket keeps the backend. */
static __noinline int lead_connection(struct bpf_sock_addr *sock, struct socket_call *call)
{
	struct socket_address frontend = call->destination;
	struct selection selection;
	int result = CALL_GOES_ON;

	if (begin_selection(sock, call, &selection))
		result = lead(call, &selection, select_backend(&selection));
	if (call->is_led)
		remember_peer(call, &frontend);
	else
		forget_peer(call->cookie);
	return result;
}

/*
 * Selects the backend that the socket's last datagram for this frontend got, if the frontend's list
 * still has it. A list that is replaced during the search may seem not to have it.
 */
static __always_inline bool select_same(struct selection *selection, const struct datagram_key *key)
{
	__u32 backend, known_index, index, list = 0;

	if (!read_backend(key, &backend, &known_index))
		return false;
	for (int i = 0; i < FRONTEND_READS; i++) {
		if (read_frontend(selection) != READ_IT ||
		    selection->choice.kind != CHOICE_BACKENDS)
			return false;
		if (selection->has_source_ranges && !is_in_source_ranges(selection))
			return false;
		if (i > 0 && selection->choice.list == list)
			return false;
		list = selection->choice.list;
		index = known_index;
		if (!find_slot(selection, backend, &index))
			continue;
		if (index != known_index)
			keep_backend(key, backend, index);
		return true;
	}
	return false;
}

static __noinline int select_for_datagram(struct selection *selection,
					  const struct datagram_key *key)
{
	enum selected selected;

	if (select_same(selection, key))
		return SELECTED_BACKEND;
	selected = select_backend(selection);
	if (selected == SELECTED_BACKEND)
		keep_backend(key, selection->backend.backend, 0);
	return selected;
}

/* A process sends a datagram: the next one to this destination gets the same backend. */
static __noinline int lead_datagram(struct bpf_sock_addr *sock, struct socket_call *call)
{
	struct datagram_key key = datagram_key(call->cookie, DATAGRAM_TO, &call->destination);
	struct socket_address given = call->destination;
	struct selection selection;
	int result = CALL_GOES_ON;

	if (begin_selection(sock, call, &selection))
		result = lead(call, &selection, select_for_datagram(&selection, &key));
	if (result == CALL_GOES_ON)
		keep_source(call, &given);
	return result;
}
