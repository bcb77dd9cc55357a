/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Selection of a Service's backend for one client. Programs of every type call it: it knows the
 * address that the client uses, but no packet and no socket.
 *
 * The agent may replace a list of backends, and the kernel may reuse a map element, at any time
 * (shared-services.h). So everything is copied, and what the copy says it is gets compared
 * afterwards. If it is something else, or if a slot is missing, the frontend is read again.
 */
#pragma once

#include "addresses.h"
#include "consistent.h"
#include "maps.h"

static const __u64 NS_PER_SECOND = 1000000000;

enum {
	/* How often a frontend is read. More than one replacement of a list meanwhile is rare. */
	FRONTEND_READS = 4,
	/* A list has at most 65,535 slots, and the first comparison is with a guess. */
	SEARCH_STEPS = 17,
};

/* What a client gets. */
enum selected {
	SELECTED_NOTHING = 0, /* it is no frontend */
	SELECTED_BACKEND, /* selection.backend */
	SELECTED_NO_BACKEND, /* its list is being replaced: the client has to try again */
	SELECTED_REFUSAL, /* an error at once */
	SELECTED_NO_ANSWER, /* no answer: no backend is on this node */
	SELECTED_NO_ENTRANCE, /* no answer: it is in none of the Service's source ranges */
};

/* What its comment does not say that the caller sets, select_backend() copies from the tables. */
struct selection {
	struct service_key frontend; /* set by the caller, with find_frontend() */
	struct affinity_key client; /* set by the caller: `client`, its address */
	bool is_outside; /* set by the caller: the client is not on this node */
	bool has_flow; /* set by the caller: `client_port` is known, because there is a packet */
	__be16 client_port; /* set by the caller */
	struct choice choice; /* `masquerade` is valid for SELECTED_BACKEND */
	__u32 affinity_seconds;
	bool has_source_ranges;
	bool is_consistent;
	struct slot backend; /* SELECTED_BACKEND */
};

static __always_inline bool is_key_of(const struct service_entry *entry,
				      const struct service_key *key)
{
	const volatile struct service_key *found = &entry->key;

	for (int i = 0; i < 4; i++) {
		if (found->address.word[i] != key->address.word[i])
			return false;
	}
	return found->port == key->port && found->protocol == key->protocol;
}

enum reading {
	READ_NOTHING,
	READ_ANOTHER, /* the element was reused meanwhile */
	READ_IT,
};

static __always_inline enum reading read_frontend(struct selection *selection)
{
	const struct service_entry *entry = bpf_map_lookup_elem(&frontends, &selection->frontend);

	if (!entry)
		return READ_NOTHING;
	selection->choice = selection->is_outside ? entry->outside : entry->inside;
	selection->client.service = entry->service;
	selection->affinity_seconds = entry->affinity_seconds;
	selection->has_source_ranges = entry->has_source_ranges;
	selection->is_consistent = entry->is_consistent;
	barrier();
	return is_key_of(entry, &selection->frontend) ? READ_IT : READ_ANOTHER;
}

/* Copies slot `index` of the list to selection->backend. Returns false if the list is replaced. */
static __always_inline bool read_slot(struct selection *selection, __u32 index)
{
	struct slot_key key = {.list = selection->choice.list, .index = index};
	const struct slot *slot = bpf_map_lookup_elem(&slots, &key);

	if (!slot)
		return false;
	selection->backend = *slot;
	barrier();
	return *(const volatile __u32 *)&slot->list == key.list;
}

static __noinline bool is_in_source_ranges(const struct selection *selection)
{
	struct source_range_key key = {
		.prefix_length = 32 + 128,
		.service = selection->client.service,
		.address = selection->client.client,
	};

	return bpf_map_lookup_elem(&source_ranges, &key);
}

/* Search for a backend in a list whose slots are in the order of their backend numbers. */
struct slot_search {
	__u32 backend;
	__u32 list;
	__u32 low, high; /* It is at one of the indices from `low` to `high` - 1. */
	__u32 index; /* to look at next */
};

/* Callback of bpf_loop(), which the verifier checks once. Returning 1 ends the loop. */
static long look_at_slot(__u64 step, void *context)
{
	struct slot_search *search = context;
	struct slot_key key = {.list = search->list, .index = search->index};
	const struct slot *slot;

	(void)step;
	if (search->low >= search->high)
		return 1;
	slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot || slot->backend == search->backend)
		return 1;
	if (slot->backend < search->backend)
		search->low = search->index + 1;
	else
		search->high = search->index;
	search->index = (search->low + search->high) / 2;
	return 0;
}

/*
 * Copies the slot of a backend to selection->backend, and its index to `index`, which is a guess
 * before. Returns false if the list does not have the backend.
 */
static __always_inline bool find_slot(struct selection *selection, __u32 backend, __u32 *index)
{
	struct slot_search search = {
		.backend = backend,
		.list = selection->choice.list,
		.high = selection->choice.count,
		.index = *index < selection->choice.count ? *index : 0,
	};

	bpf_loop(SEARCH_STEPS, look_at_slot, &search, 0);
	*index = search.index;
	return read_slot(selection, search.index) && selection->backend.backend == backend;
}

/*
 * Gives the client the backend that it got before, if its last connection was not too long ago and
 * if the list still has the backend. The entry may become another client's meanwhile. Then this
 * client gets another backend of its list, which a full map costs it as well.
 */
static __always_inline bool select_again(struct selection *selection, __u64 now)
{
	struct affinity *known = bpf_map_lookup_elem(&affinities, &selection->client);
	__u32 index;

	if (!known)
		return false;
	/* Another CPU may have written a time that is later than `now`. */
	if ((__s64)(now - known->last_ns) >= (__s64)(selection->affinity_seconds * NS_PER_SECOND))
		return false;
	index = known->index;
	if (!find_slot(selection, known->backend, &index))
		return false;
	if (known->index != index)
		known->index = index;
	/* The coarse clock does not change for milliseconds. */
	if (known->last_ns != now)
		known->last_ns = now;
	return true;
}

/*
 * Returns the index of the slot at the flow's place in the list's table, or count: there is no
 * table. With affinity all flows of a client have the same place. Not inline: see below.
 */
static __noinline __u32 consistent_index(const struct selection *selection)
{
	const struct service_key *frontend = &selection->frontend;
	__u16 client_port = selection->affinity_seconds ? 0 : bpf_ntohs(selection->client_port);
	__u32 facts[] = {(__u32)client_port << 16 | bpf_ntohs(frontend->port), frontend->protocol};
	__u32 hash = hash_flow(&selection->client.client, &frontend->address, facts);
	__u32 index;

	if (!look_up_place(selection->choice.list, hash, &index))
		return selection->choice.count;
	return index;
}

static __always_inline bool select_any(struct selection *selection, __u32 *index)
{
	__u32 count = selection->choice.count;

	*index = count;
	if (selection->is_consistent && selection->has_flow)
		*index = consistent_index(selection);
	if (*index >= count)
		*index = ((__u64)bpf_get_prandom_u32() * count) >> 32;
	return read_slot(selection, *index);
}

/* Not inline, so that only it needs room for the entry: all frames of a call chain share 512 bytes. */
static __noinline void remember_backend(const struct selection *selection, __u32 index, __u64 now)
{
	struct affinity fresh = {
		.last_ns = now,
		.backend = selection->backend.backend,
		.index = index,
	};

	bpf_map_update_elem(&affinities, &selection->client, &fresh, BPF_ANY);
}

static __always_inline bool select_by_affinity(struct selection *selection)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 index;

	if (select_again(selection, now))
		return true;
	if (!select_any(selection, &index))
		return false;
	remember_backend(selection, index, now);
	return true;
}

static __always_inline bool select_slot(struct selection *selection)
{
	__u32 index;

	if (selection->affinity_seconds)
		return select_by_affinity(selection);
	return select_any(selection, &index);
}

/*
 * Returns what the client gets (enum selected), or SELECTED_NO_BACKEND to read the frontend again.
 */
static __always_inline enum selected select_once(struct selection *selection)
{
	enum reading reading = read_frontend(selection);

	if (reading == READ_NOTHING)
		return SELECTED_NOTHING;
	if (reading == READ_ANOTHER)
		return SELECTED_NO_BACKEND;
	if (selection->has_source_ranges && !is_in_source_ranges(selection))
		return SELECTED_NO_ENTRANCE;
	if (selection->choice.kind == CHOICE_REFUSE)
		return SELECTED_REFUSAL;
	if (selection->choice.kind == CHOICE_DROP)
		return SELECTED_NO_ANSWER;
	return select_slot(selection) ? SELECTED_BACKEND : SELECTED_NO_BACKEND;
}

/*
 * Selects what the client gets: enum selected. Called for the first packet of a connection, or for
 * each datagram.
 *
 * Not static, so that the verifier checks it once instead of once per caller.
 */
__noinline int select_backend(struct selection *selection)
{
	enum selected selected = SELECTED_NO_BACKEND;

	if (!selection)
		return SELECTED_NOTHING;
	for (int i = 0; i < FRONTEND_READS && selected == SELECTED_NO_BACKEND; i++)
		selected = select_once(selection);
	return selected;
}

static __always_inline bool is_frontend(const struct service_key *key)
{
	return bpf_map_lookup_elem(&frontends, key);
}

/*
 * Stores in `key` the frontend to which a client's packets for this address and port belong.
 * Returns false if there is none. `location` is that of the address, which is no pod's here.
 *
 * 1. The address and the port.
 * 2. A port of this node, at any of its addresses.
 * 3. Every other port of a Service's address, which no process can have.
 */
static __always_inline bool find_frontend(struct service_key *key, const struct location *location)
{
	if (is_frontend(key)) /* 1 */
		return true;
	if (location && location->kind == LOCATION_HOST_PLAIN)
		return false;
	if (location) { /* 2 */
		key->address.word[3] = 0;
		if (!is_mapped_ipv4(&key->address))
			key->address = (struct address){};
		return is_frontend(key);
	}
	key->port = 0; /* 3 */
	key->protocol = 0;
	return is_frontend(key);
}
