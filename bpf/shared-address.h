/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Address types of every other struct that is shared with user space (shared.h).
 */
#pragma once

#include <linux/types.h>

/* IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2): one type and one path for both families. */
struct address {
	__be32 word[4];
};

struct mac {
	__u8 byte[6];
};
