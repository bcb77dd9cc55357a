/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the loader may set before it loads (const volatile: the verifier sees the value and drops
 * dead branches), and what is the same on every node.
 */
#pragma once

#include <linux/types.h>

/*
 * Flow events that a CPU may send in a second, beyond what each endpoint is sure of
 * (event-budget.h); the rest is counted as suppressed.
 */
const volatile __u32 events_per_second_per_cpu = 1000;

/*
 * How long a flow's entry counts without being looked up again: 2 to the power of so many
 * nanoseconds, about a quarter of a second.
 */
const volatile __u32 stamp_shift = 28;

/* <sys/socket.h> has these; it is the C library's. */
enum {
	AF_INET = 2,
	AF_INET6 = 10,
};

enum {
	/* A chain is walked this far; real traffic has at most two or three. */
	MAX_EXTENSION_HEADERS = 6,
	/* Where a transport header may begin, so that the verifier knows an upper bound. */
	MAX_HEADER_OFFSET = 0x3fff,
	FLOW_EVENTS_BYTES = 1 << 20,
	OVERLAY_TTL = 64,
};

/*
 * What a program answers. linux/bpf.h has these as TCX_*, but Debian 12's headers are older than
 * tcx. NEXT lets other programs on the hook and then the normal stack have the packet; PASS gives it
 * to the stack at once: no program after ours and no filter sees it.
 */
enum verdict {
	VERDICT_NONE = -2, /* not an answer: somebody else has to give one */
	VERDICT_NEXT = -1,
	VERDICT_PASS = 0,
	VERDICT_DROP = 2,
	VERDICT_REDIRECT = 7,
};
