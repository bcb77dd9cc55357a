/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What shared headers may hold, apart from any product's: for the tests of the generator. */
#pragma once

#include <linux/types.h>

enum shape_kind {
	SHAPE_ROUND = 1,
	SHAPE_WITH_CORNERS = 4,
	SHAPE_KIND_COUNT,
};

enum no_prefix {
	LEFT,
	RIGHT,
};

struct shape_key {
	__u8 small;
	__u32 after_a_hole;
};

struct shape {
	__s32 below_zero;
	enum shape_kind kind;
	__be16 port;
	__u8 two[2];
	__u8 raw[6];
	__u8 pad1[2];
	struct shape_key keys[2];
};

struct shape_event {
	__u64 time;
	enum no_prefix side;
};
