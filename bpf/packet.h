/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs know of a packet, and the one way to its bytes: every read goes through
 * header_at(), which checks bounds and pulls bytes of a non-linear packet into reach. Nothing is
 * written. network.h and transport.h fill the struct.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "config.h"
#include "shared.h"

/* Of the flags byte. */
enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* How the owner of a packet's connection is found out (owner.h). */
enum owner {
	OWNER_UNKNOWN = 0, /* connection tracking cannot be asked for it */
	OWNER_ASKED, /* connection tracking can: TCP, UDP */
	OWNER_OF_NEW_REQUEST, /* ICMP echo request */
	OWNER_OF_REQUEST, /* ICMP echo reply: as its request went */
	OWNER_OF_QUOTED, /* ICMP error: that of the packet it quotes */
} __attribute__((packed));

struct packet {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 transport; /* where the transport header begins, from the Ethernet header on */
	__u32 header_bytes; /* IP and transport headers: what every segment of it has */
	__u32 bytes; /* as on a wire: a GSO packet's headers count once a segment */
	__u32 segments;
	__u32 ifindex; /* host-side veth of the endpoint that sees it; 0: none */
	enum traffic_direction direction; /* seen from that endpoint */
	__u32 sender; /* endpoint id, 0: not an endpoint of this node */
	__u32 receiver; /* endpoint id */
	enum drop_reason reason;
	__u8 protocol;
	__u8 tcp_flags;
	bool is_ipv4;
	bool is_fragment; /* not the first one: it has no transport header */
	bool is_piece; /* any fragment, the first one too */
	bool goes_by_entry; /* its flow's entry may say which way it takes */
	enum owner owner;
	bool through_stack; /* its flow's packets must pass the stack, both ways */
	bool has_flow; /* a later fragment and an ICMP error have none */
};

/* The kernel's own struct sk_buff. */
extern void *bpf_cast_to_kern_ctx(void *skb) __ksym;

/* A pointer to `size` bytes at `offset`, or NULL. Earlier pointers into the packet die. */
static __always_inline void *header_at(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (offset > MAX_HEADER_OFFSET)
		return NULL;
	if (data + offset + size <= data_end)
		return data + offset;
	/* The rest may lie in page fragments (packet sockets and some drivers do that). */
	if (bpf_skb_pull_data(skb, offset + size))
		return NULL;
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	return data + offset + size <= data_end ? data + offset : NULL;
}

/*
 * `length` is what the IP header says. That of a GSO packet counts for nothing: each of its segments gets
 * one of its own, and a BIG TCP packet's does not fit there.
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
