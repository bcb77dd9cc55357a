/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Consistent selection: which place of a list's lookup table a flow has. Nodes that never exchanged
 * a packet agree, because the hash depends only on what every node sees, and so does the table
 * (src/model/services/plan/lookup-table.ts).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "maps.h"
#include "shared.h"

/* Steps and end of MurmurHash3. */
static __always_inline __u32 hash_word(__u32 hash, __u32 word)
{
	word *= 0xcc9e2d51;
	word = (word << 15) | (word >> 17);
	word *= 0x1b873593;
	hash ^= word;
	hash = (hash << 13) | (hash >> 19);
	return hash * 5 + 0xe6546b64;
}

static __always_inline __u32 hash_end(__u32 hash)
{
	hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

/* The same on machines of either byte order. `facts`: ports and protocol. */
static __always_inline __u32 hash_flow(const struct address *client, const struct address *frontend,
				       const __u32 facts[2])
{
	__u32 hash = facts[1];

	for (int i = 0; i < 4; i++)
		hash = hash_word(hash, bpf_ntohl(client->word[i]));
	for (int i = 0; i < 4; i++)
		hash = hash_word(hash, bpf_ntohl(frontend->word[i]));
	return hash_end(hash_word(hash, facts[0]));
}

/* Stores the index of the slot for a hash. Returns false if the list has no table. */
static __always_inline bool look_up_place(__u32 list, __u32 hash, __u32 *index)
{
	__u32 place = ((__u64)hash * LOOKUP_PLACES) >> 32;
	struct slot_key key = {.list = list, .index = place / BLOCK_PLACES};
	const struct lookup_block *block = bpf_map_lookup_elem(&lookups, &key);
	__u32 at = 2 * (place - key.index * BLOCK_PLACES);

	/* Keeps the compiler from forms of `at` whose bounds the verifier loses. */
	barrier_var(at);
	if (!block || at > 2 * BLOCK_PLACES - 2)
		return false;
	*index = block->slots[at] | (__u32)block->slots[at + 1] << 8;
	barrier();
	return *(const volatile __u32 *)&block->list == list;
}
