/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Settings that the loader may change before it loads the object (const volatile: the verifier sees
 * the value and drops dead branches), and constants that are the same on every node.
 */
#pragma once

#include <linux/types.h>

/*
 * Maximum number of flow events that a CPU may send per second, in addition to the events that each
 * endpoint is guaranteed (event-budget.h). Further events are counted as suppressed.
 */
const volatile __u32 events_per_second_per_cpu = 1000;

/*
 * A flow's entry is trusted for at most 2^stamp_shift nanoseconds, about a quarter of a second.
 * After that, its ends are looked up again.
 */
const volatile __u32 stamp_shift = 28;

/* 1: the programs choose the backends of Services. 0: Services are somebody else's. */
const volatile __u32 services_on = 0;

/*
 * 1: programs at sockets lead the connections of pods as well. 0: only those of the node's
 * processes, for proxies in pods that have to see the Service's address (service meshes).
 */
const volatile __u32 pod_sockets_on = 1;

/*
 * SO_NETNS_COOKIE of the node's network namespace, by which programs at sockets know the node's
 * processes. No namespace has the cookie 0.
 */
const volatile __u64 node_netns_cookie = 0;

/* Defined in <sys/socket.h>, which belongs to the C library. */
enum {
	AF_INET = 2,
	AF_INET6 = 10,
};

enum {
	/* Maximum number of headers followed in a chain; real traffic has at most two or three. */
	MAX_EXTENSION_HEADERS = 6,
	/* Maximum offset of a transport header: gives the verifier an upper bound. */
	MAX_HEADER_OFFSET = 0x3fff,
	FLOW_EVENTS_BYTES = 1 << 20,
	OVERLAY_TTL = 64,
};

/*
 * Return values of programs. linux/bpf.h defines them as TCX_*, but Debian 12's headers are older
 * than tcx. NEXT passes the packet to the other programs on the hook and then to the normal stack.
 * PASS passes it to the stack immediately: no later program and no filter sees it.
 */
enum verdict {
	VERDICT_NONE = -2, /* never returned by a program: another step has to decide */
	VERDICT_NEXT = -1,
	VERDICT_PASS = 0,
	VERDICT_DROP = 2,
	VERDICT_REDIRECT = 7,
};
