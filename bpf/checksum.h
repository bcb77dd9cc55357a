/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pending checksums. The sending device, or the kernel for it, will overwrite two bytes at an
 * offset that the packet's sender chose. Programs run before that write, so they must not judge a
 * packet by these bytes.
 */
#pragma once

#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "packet.h"
#include "transport.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff___checksum {
	unsigned char *head;
	unsigned char *data;
	union {
		struct {
			__u16 csum_start; /* offset from `head` */
			__u16 csum_offset; /* offset from `csum_start` */
		};
	};
	__u8 ip_summed : 2;
};

#pragma clang attribute pop

enum {
	CHECKSUM_PARTIAL = 3, /* include/linux/skbuff.h */
	NOWHERE = 0xffff,
};

/*
 * Returns the offset in the transport header from which on bytes may be overwritten. The checksum
 * may be the header's own, or one behind it, as in packets that a pod has encapsulated itself.
 * ICMP's checksum is always complete already, and an error is judged by the packet that it quotes.
 */
static __always_inline __u32 first_checksum_byte(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 6;
	case IPPROTO_SCTP:
		return 8;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return NOWHERE;
	default:
		return 0;
	}
}

/*
 * True if bytes that a verdict rests on will be overwritten. The checksum of a fragmented packet
 * covers the whole packet, and is written before the packet is fragmented.
 */
static __always_inline bool is_rewritten_later(struct __sk_buff *skb, const struct packet *packet)
{
	const struct sk_buff___checksum *kernels = bpf_cast_to_kern_ctx(skb);
	__u32 at;

	if (BPF_CORE_READ_BITFIELD(kernels, ip_summed) != CHECKSUM_PARTIAL)
		return false;
	at = kernels->csum_start + kernels->csum_offset - (__u32)(kernels->data - kernels->head);
	return packet->is_piece || at < packet->transport + first_checksum_byte(packet->protocol);
}
