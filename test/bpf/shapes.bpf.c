/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One map, one per-CPU map, one ring buffer, two programs, one constant: see shapes.h. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "shapes.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 12);
	__type(key, struct shape_key);
	__type(value, struct shape);
} shapes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} shape_events SEC(".maps");

const volatile __u16 least_size = 3;
const volatile bool enabled;

/* Not inlined: only what is emitted with its types gets the event's struct into the BTF. */
static __noinline void fill(struct shape_event *event, __u32 length)
{
	event->time = length;
	event->side = RIGHT;
}

SEC("tc")
int tell(struct __sk_buff *skb)
{
	struct shape_event *event;

	if (!enabled || skb->len < least_size)
		return 0;
	event = bpf_ringbuf_reserve(&shape_events, sizeof(*event), 0);
	if (!event)
		return 0;
	fill(event, skb->len);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("xdp")
int look(struct xdp_md *context)
{
	struct shape_key key = {};

	key.after_a_hole = context->ingress_ifindex;
	return bpf_map_lookup_elem(&shapes, &key) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
