/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Queries the kernel's connection tracking from a program. The kernel answers for TCP and UDP only
 * (net/netfilter/nf_conntrack_bpf.c).
 *
 * The declarations contain only the kernel fields that are read here; the loader finds their
 * offsets in the running kernel (CO-RE).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "addresses.h"
#include "packet.h"
#include "shared.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2]; /* of the first packet, of the reply */
	unsigned long status;
};

struct sk_buff___tracked {
	/* A pointer to struct nf_conn; its low bits are the direction and state. */
	unsigned long _nfct;
};

#pragma clang attribute pop

enum {
	NFCT_INFO_MASK = 7, /* include/linux/skbuff.h: ~NFCT_PTRMASK */
	/* enum ip_conntrack_status */
	IPS_SRC_NAT = 1 << 4,
	IPS_DST_NAT = 1 << 5,
};

/* The layout of Linux 5.18; later kernels have more fields and accept this one. */
struct bpf_ct_opts___short {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					 __u32 tuple__sz, struct bpf_ct_opts___short *opts,
					 __u32 opts__sz) __ksym;
extern void bpf_ct_release(struct nf_conn *ct) __ksym;

/*
 * True if the stack has translated this packet's connection before the program sees the packet.
 * This happens at the ports of a bridge whose packets pass iptables
 * (net.bridge.bridge-nf-call-iptables). The entry of a new connection is not confirmed yet:
 * bpf_skb_ct_lookup() does not find it, and it is lost if the packet does not pass the stack.
 */
static __always_inline bool is_translated_already(struct __sk_buff *skb)
{
	const struct sk_buff___tracked *kernels = bpf_cast_to_kern_ctx(skb);
	const struct nf_conn *ct = (const void *)(kernels->_nfct & ~(unsigned long)NFCT_INFO_MASK);

	return ct && BPF_CORE_READ(ct, status) & (IPS_SRC_NAT | IPS_DST_NAT);
}

/*
 * True if the reply is not the reversed first packet. The NAT bits of the status are not enough:
 * IPVS translates without them.
 */
static __always_inline bool is_rewritten(const struct nf_conn *ct)
{
	const struct nf_conntrack_tuple *sent = &ct->tuplehash[0].tuple;
	const struct nf_conntrack_tuple *answered = &ct->tuplehash[1].tuple;

	if (sent->src.u.all != answered->dst.u.all || sent->dst.u.all != answered->src.u.all)
		return true;
	for (int i = 0; i < 4; i++) {
		if (sent->src.u3.all[i] != answered->dst.u3.all[i] ||
		    sent->dst.u3.all[i] != answered->src.u3.all[i])
			return true;
	}
	return false;
}

/*
 * Queries the network namespace of the packet's interface, which is the node's. `size` selects the
 * address family.
 */
static __always_inline bool is_tracked_rewritten(struct __sk_buff *skb, __u8 protocol,
						 struct bpf_sock_tuple *tuple, __u32 size)
{
	struct bpf_ct_opts___short opts = {.netns_id = -1, .l4proto = protocol};
	struct nf_conn *ct = bpf_skb_ct_lookup(skb, tuple, size, &opts, sizeof(opts));
	bool rewritten;

	if (!ct)
		return false;
	rewritten = is_rewritten(ct);
	bpf_ct_release(ct);
	return rewritten;
}

static __always_inline void set_ipv4_tuple(struct bpf_sock_tuple *tuple, const struct flow_key *key,
					   bool turned)
{
	tuple->ipv4.saddr = turned ? key->high.word[3] : key->low.word[3];
	tuple->ipv4.daddr = turned ? key->low.word[3] : key->high.word[3];
	tuple->ipv4.sport = turned ? key->high_port : key->low_port;
	tuple->ipv4.dport = turned ? key->low_port : key->high_port;
}

static __always_inline void set_ipv6_tuple(struct bpf_sock_tuple *tuple, const struct flow_key *key,
					   bool turned)
{
	const struct address *from = turned ? &key->high : &key->low;
	const struct address *to = turned ? &key->low : &key->high;

	__builtin_memcpy(tuple->ipv6.saddr, from, sizeof(*from));
	__builtin_memcpy(tuple->ipv6.daddr, to, sizeof(*to));
	tuple->ipv6.sport = turned ? key->high_port : key->low_port;
	tuple->ipv6.dport = turned ? key->low_port : key->high_port;
}

/* Queries for packets from the low end to the high end, or if `turned`, the other way around. */
static __always_inline bool is_tracked(struct __sk_buff *skb, const struct flow_key *key,
				       bool turned)
{
	struct bpf_sock_tuple tuple = {};

	if (is_mapped_ipv4(&key->low)) {
		set_ipv4_tuple(&tuple, key, turned);
		return is_tracked_rewritten(skb, key->protocol, &tuple, sizeof(tuple.ipv4));
	}
	set_ipv6_tuple(&tuple, key, turned);
	return is_tracked_rewritten(skb, key->protocol, &tuple, sizeof(tuple.ipv6));
}

/*
 * True if there is a translated connection with these ends. Its packets match in one direction. The
 * other one matches packets that a pod sends directly to the server of one of its Service
 * connections, from the same port: the replies to both look the same.
 *
 * Not static, so that the verifier checks it once instead of once per caller.
 */
__noinline int is_translated(struct __sk_buff *skb, const struct flow_key *key)
{
	return key && (is_tracked(skb, key, false) || is_tracked(skb, key, true));
}

/*
 * The same for a packet that begins a connection; `is_from_high` says which end sent it. No
 * translated connection can have this packet, so one query is enough: of the replies to it.
 */
__noinline int is_reply_translated(struct __sk_buff *skb, const struct flow_key *key,
				   __u32 is_from_high)
{
	if (!key)
		return false;
	return is_from_high ? is_tracked(skb, key, false) : is_tracked(skb, key, true);
}
