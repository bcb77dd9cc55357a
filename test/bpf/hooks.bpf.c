/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One small program for each hook that links are made for, and maps that tell what ran. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum { TCX_NEXT_PROGRAM = -1 };

/* By enum hit: how often each program ran. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

/* The digits that the tcx programs added, in the order in which they ran. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} numbers SEC(".maps");

enum hit {
	HIT_TCX,
	HIT_XDP,
	HIT_CONNECT,
	HIT_SOCK_OPS,
	HIT_LOOKUP,
};

static void count(enum hit hit)
{
	__u32 key = hit;
	__u64 *hits_of = bpf_map_lookup_elem(&hits, &key);

	if (hits_of)
		__sync_fetch_and_add(hits_of, 1);
}

SEC("tc")
int add_one(struct __sk_buff *skb)
{
	count(HIT_TCX);
	skb->mark = skb->mark * 10 + 1;
	return TCX_NEXT_PROGRAM;
}

SEC("tc")
int add_two(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 2;
	return TCX_NEXT_PROGRAM;
}

SEC("tc")
int add_three(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 3;
	return TCX_NEXT_PROGRAM;
}

/* libbpf knows this section since 1.3. */
SEC("tcx/egress")
int add_four(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 4;
	return TCX_NEXT_PROGRAM;
}

SEC("tc")
int note_order(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u32 mark = skb->mark;

	bpf_map_update_elem(&order, &zero, &mark, BPF_ANY);
	return TCX_NEXT_PROGRAM;
}

/* For test runs: changes packet and context, and answers with what it was given. */
SEC("tc")
int change(struct __sk_buff *skb)
{
	__u8 byte = 0xee;

	bpf_skb_store_bytes(skb, 14, &byte, 1, 0);
	bpf_skb_change_tail(skb, skb->len + 2, 0);
	skb->mark = skb->mark + 1;
	skb->cb[1] = skb->ifindex;
	return -7;
}

/* Sends the packet's mark through the ring buffer. */
SEC("tc")
int tell_number(struct __sk_buff *skb)
{
	__u64 number = skb->mark;

	return bpf_ringbuf_output(&numbers, &number, sizeof(number), 0) ? 1 : 0;
}

SEC("tc")
int tell_quietly(struct __sk_buff *skb)
{
	__u64 number = skb->mark;

	return bpf_ringbuf_output(&numbers, &number, sizeof(number), BPF_RB_NO_WAKEUP) ? 1 : 0;
}

SEC("xdp")
int drop_all(struct xdp_md *context)
{
	count(HIT_XDP);
	return context->data == context->data_end ? XDP_PASS : XDP_DROP;
}

SEC("cgroup/connect4")
int refuse_connect(struct bpf_sock_addr *address)
{
	count(HIT_CONNECT);
	return address->user_port == 0;
}

SEC("sockops")
int note_operation(struct bpf_sock_ops *operation)
{
	count(HIT_SOCK_OPS);
	return operation->op != 0;
}

SEC("sk_lookup")
int look_up(struct bpf_sk_lookup *lookup)
{
	count(HIT_LOOKUP);
	return lookup->family ? SK_PASS : SK_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
