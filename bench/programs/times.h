/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long each of many equal steps takes.
 */
#pragma once

#include "cpu.h"

struct times {
	uint32_t *ns;
	size_t count;
	size_t room;
};

static inline struct times times_for(size_t room)
{
	struct times times = {.ns = calloc(room + 1, sizeof(*times.ns)), .room = room};

	if (!times.ns)
		err(1, "calloc");
	return times;
}

static inline void add_time(struct times *times, uint64_t ns)
{
	if (times->count < times->room)
		times->ns[times->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static inline int compare_times(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

/* One line of JSON: the rates of print_rate() and percentiles. */
static inline void print_times(struct times *times, uint64_t elapsed_ns, uint64_t spent_ns)
{
	double count = (double)times->count;

	if (times->count == 0)
		errx(1, "nothing was measured");
	qsort(times->ns, times->count, sizeof(*times->ns), compare_times);
	printf("{\"perSecond\":%.1f,\"perCpuSecond\":%.1f,\"p50Ns\":%u,\"p99Ns\":%u}\n",
	       count * 1e9 / (double)elapsed_ns, count * 1e9 / (double)spent_ns,
	       times->ns[times->count / 2], times->ns[times->count * 99 / 100]);
}
