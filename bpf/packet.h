/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A parsed packet, and the only access to its bytes. Every read goes through header_at(), which
 * checks bounds and makes the bytes of a non-linear packet accessible. Nothing is written.
 * network.h and transport.h fill in the struct.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "config.h"
#include "shared.h"

/* Bits of the TCP flags byte. */
enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* Method by which owner.h determines the owner of a packet's connection. */
enum owner {
	OWNER_UNKNOWN = 0, /* connection tracking cannot be queried */
	OWNER_ASKED, /* connection tracking can be queried: TCP, UDP */
	OWNER_ASKED_ABOUT_REPLY, /* the same, for the first packet of a TCP connection */
	OWNER_OF_NEW_REQUEST, /* ICMP echo request */
	OWNER_OF_REQUEST, /* ICMP echo reply: has the owner of its request */
	OWNER_OF_QUOTED, /* ICMP error: has the owner of the packet that it quotes */
} __attribute__((packed));

struct packet {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 transport; /* offset of the transport header, including the Ethernet header */
	__u32 header_bytes; /* IP and transport headers, which every segment has */
	__u32 bytes; /* as on the wire: the headers of a GSO packet count once per segment */
	__u32 segments;
	__u32 ifindex; /* host-side veth of the endpoint that sees the packet; 0: none */
	enum traffic_direction direction; /* as seen from that endpoint */
	__u32 sender; /* endpoint id, 0: not an endpoint of this node */
	__u32 receiver; /* endpoint id */
	enum drop_reason reason;
	__u8 protocol;
	__u8 tcp_flags;
	bool is_ipv4;
	bool is_fragment; /* a later fragment: it has no transport header */
	bool is_piece; /* any fragment, including the first one */
	bool goes_by_entry; /* the entry of its flow may decide which way it takes */
	enum owner owner;
	bool through_stack; /* packets of its flow must pass the stack, in both directions */
	bool has_flow; /* false for later fragments and ICMP errors */
};

/* Returns the kernel's own struct sk_buff. */
extern void *bpf_cast_to_kern_ctx(void *skb) __ksym;

/*
 * Returns a pointer to `size` bytes at `offset`, or NULL. Invalidates earlier pointers into the
 * packet.
 */
static __always_inline void *header_at(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (offset > MAX_HEADER_OFFSET)
		return NULL;
	if (data + offset + size <= data_end)
		return data + offset;
	/* The rest may be in page fragments (packet sockets and some drivers do that). */
	if (bpf_skb_pull_data(skb, offset + size))
		return NULL;
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	return data + offset + size <= data_end ? data + offset : NULL;
}

/*
 * `length` is from the IP header. It is ignored for a GSO packet: each of its segments gets its own
 * length, and that of a BIG TCP packet does not fit into the field.
 */
static __always_inline bool set_length(struct __sk_buff *skb, struct packet *packet, __u32 length)
{
	__u32 carried = skb->len - ETH_HLEN;

	if (skb->gso_size)
		length = carried;
	packet->bytes = length;
	packet->header_bytes = packet->transport - ETH_HLEN;
	return length <= carried && length >= packet->header_bytes;
}
