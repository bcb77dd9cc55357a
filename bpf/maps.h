/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps. The sizes here are defaults: the agent sets them before loading (docs/datapath.md has
 * the table with memory use).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "config.h"
#include "shared.h"

/*
 * The agent writes, every pod program reads. Not preallocated, so memory use follows the number of
 * pods.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct endpoint_key);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

/*
 * The agent writes, all programs read. A hash, not an LPM: exact addresses cost the same at any
 * size.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, struct location);
} addresses SEC(".maps");

/*
 * The agent writes; programs read it for addresses that are not in `addresses`. The kernel requires
 * BPF_F_NO_PREALLOC here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route_key);
	__type(value, struct route);
} routes SEC(".maps");

/*
 * Services. The agent writes, programs read. Not preallocated, so memory use follows the number of
 * Services and backends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service_key);
	__type(value, struct service_entry);
} frontends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1048576);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_key);
	__type(value, struct slot);
} slots SEC(".maps");

/* Only of Services that ask for consistent selection. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 17920);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_key);
	__type(value, struct lookup_block);
} lookups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct source_range_key);
	__type(value, struct source_range);
} source_ranges SEC(".maps");

/* Programs write. An LRU: a client that has been quiet for longest may get another backend. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
} affinities SEC(".maps");

/*
 * Sockets that a Service has led to a backend. Programs write. An entry is deleted when its socket
 * is closed. An LRU in case of entries that are left: of a socket that was closed while no program
 * was attached.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct connected_socket);
} connected_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct datagram_key);
	__type(value, struct datagram_entry);
} datagrams SEC(".maps");

/*
 * Counts the agent's changes to everything that programs look up (endpoints, addresses, routes, the
 * underlay, and the programs themselves). A flow repeats its lookups if they are from an earlier
 * generation.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} table_generation SEC(".maps");

/* The agent writes; programs read it for each packet that enters or leaves a tunnel. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct underlay);
} underlay SEC(".maps");

/* Programs write; the agent reads, and deletes entries that have been idle too long. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/*
 * Programs write, the agent reads. Indexed by endpoint.id. Index 0 is for packets without an
 * endpoint: it has events but no traffic.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024 + 1);
	__type(key, __u32);
	__type(value, struct endpoint_counters);
} endpoint_counters SEC(".maps");

/* Programs write, the agent reads. Indexed by enum drop_reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct drop_counter);
} drop_counters SEC(".maps");

/* Programs write, the agent reads. Records are struct flow_event. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FLOW_EVENTS_BYTES);
} flow_events SEC(".maps");

/* Programs write; the agent reads the numbers of suppressed and lost events. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_budget);
} event_budget SEC(".maps");
