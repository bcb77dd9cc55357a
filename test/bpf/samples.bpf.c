/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every struct of shared.h with a different value in each field, laid out by the compiler: the
 * generated codecs must write the same bytes (tools/generate/samples.test.ts).
 */
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include "../../bpf/shared.h"

#define SAMPLE __attribute__((section("samples"), used)) const

/* 192.0.2.1 and 2001:db8::2 */
#define IPV4                                                                                       \
	{                                                                                          \
		{                                                                                  \
			0, 0, bpf_htonl(0xffff), bpf_htonl(0xc0000201)                             \
		}                                                                                  \
	}
#define IPV6                                                                                       \
	{                                                                                          \
		{                                                                                  \
			bpf_htonl(0x20010db8), 0, 0, bpf_htonl(2)                                  \
		}                                                                                  \
	}
#define MAC                                                                                        \
	{                                                                                          \
		{                                                                                  \
			0x02, 0x00, 0x5e, 0x10, 0x00, 0x01                                         \
		}                                                                                  \
	}

SAMPLE struct endpoint_key endpoint_key = {.ifindex = 0x01020304};

SAMPLE struct endpoint endpoint = {
	.ipv4 = IPV4, .ipv6 = IPV6, .mac = MAC, .id = 0x0506, .queue = 0x0708};

SAMPLE struct location location = {
	.kind = LOCATION_HOST,
	.ifindex = 0x01020304,
	.endpoint_id = 0x0506,
	.queued = 1,
};

SAMPLE struct route_key route_key = {.prefix_length = 120, .address = IPV4};

SAMPLE struct route route = {
	.kind = ROUTE_OVERLAY,
	.ifindex = 0x01020304,
	.next_hop = IPV6,
	.mtu = 1450,
	.vni = 0x050607,
	.other_ifindex = {1, 2, 3},
};

SAMPLE struct flow_key flow_key = {
	.low = IPV4,
	.high = IPV6,
	.low_port = bpf_htons(0x1234),
	.high_port = bpf_htons(443),
	.protocol = 6,
};

SAMPLE struct flow flow = {
	.end = {{
			.address = 0x04030201,
			.ifindex = 0x05060708,
			.link = {0x090a0b0c, 0x0d0e0f10},
			.endpoint_id = 0x1112,
			.mtu = 0x1314,
		},
		{.address = 0x08070605, .ifindex = 2, .link = {3, 4}, .endpoint_id = 5, .mtu = 6}},
	.generation = 0x15161718,
	.way = {WAY_POD, WAY_TUNNEL},
	.created_ns = 0x0001020304050607,
	.last_seen_ns = 0x0008090a0b0c0d0e,
	.bytes = {1, 1ull << 40},
	.packets = {3, 4},
	.tcp_flags = {0x12, 0x11},
	.initiator = FLOW_FROM_HIGH,
	.state = FLOW_CLOSED,
	.path = FLOW_THROUGH_STACK,
	.ifindex = 0x01020304,
	.direction = EGRESS,
};

SAMPLE struct endpoint_counters endpoint_counters = {
	.traffic = {{.packets = 1, .bytes = 2, .dropped_packets = 3},
		    {.packets = 4, .bytes = 5, .dropped_packets = 6}},
	.events = {{.window_start_ns = 7, .used = 8, .suppressed = 9},
		   {.window_start_ns = 10, .used = 11, .suppressed = 12}},
};

SAMPLE struct drop_counter drop_counter = {.packets = 1, .bytes = 1ull << 33};

SAMPLE struct flow_event flow_event = {
	.time_ns = 0x0001020304050607,
	.created_ns = 0x0008090a0b0c0d0e,
	.source = IPV6,
	.destination = IPV4,
	.source_port = bpf_htons(0x1234),
	.destination_port = bpf_htons(53),
	.kind = FLOW_CLOSE,
	.reason = DROP_NO_TUNNEL,
	.direction = EGRESS,
	.ifindex = 0x01020304,
	.protocol = 17,
	.tcp_flags = 0x12,
	.frontend_port = bpf_htons(0x0105),
	.frontend = IPV6,
	.bytes = {1, 1ull << 40},
	.packets = {3, 4},
};

SAMPLE struct event_budget event_budget = {
	.window_start_ns = 1,
	.used = 2,
	.suppressed = 3,
	.lost = 4,
};
