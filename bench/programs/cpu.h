/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor time that a measurement takes: of both ends, and of the kernel's threads that
 * process packets when there are too many. Unlike the clock on the wall it does not run while
 * somebody else has the processor.
 */
#pragma once

#include <dirent.h>
#include "pair.h"

enum {
	MOST_CLOCKS = 64,
};

struct cpu_clocks {
	clockid_t clock[MOST_CLOCKS];
	int count;
};

static inline void add_clock(struct cpu_clocks *clocks, pid_t pid)
{
	if (clocks->count < MOST_CLOCKS &&
	    clock_getcpuclockid(pid, &clocks->clock[clocks->count]) == 0)
		clocks->count++;
}

static inline bool is_softirq_thread(const char *pid)
{
	char path[300], name[16] = "";
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	comm = fopen(path, "re");
	if (!comm)
		return false;
	if (!fgets(name, sizeof(name), comm))
		name[0] = 0;
	fclose(comm);
	return strncmp(name, "ksoftirqd/", 10) == 0;
}

/* Of this process, of its server (0: it has none) and of one thread a processor. */
static inline struct cpu_clocks cpu_clocks(pid_t server)
{
	struct cpu_clocks clocks = {.clock = {CLOCK_PROCESS_CPUTIME_ID}, .count = 1};
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		err(1, "/proc");
	if (server)
		add_clock(&clocks, server);
	while ((entry = readdir(proc)))
		if (is_softirq_thread(entry->d_name))
			add_clock(&clocks, atoi(entry->d_name));
	closedir(proc);
	return clocks;
}

static inline uint64_t cpu_ns(const struct cpu_clocks *clocks)
{
	uint64_t total = 0;

	for (int i = 0; i < clocks->count; i++) {
		struct timespec spent;

		if (clock_gettime(clocks->clock[i], &spent))
			err(1, "processor time");
		total += (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
	}
	return total;
}

/* One line of JSON: how many of something a second, and a second of processor time. */
static inline void print_rate(double amount, uint64_t elapsed_ns, uint64_t spent_ns)
{
	printf("{\"perSecond\":%.1f,\"perCpuSecond\":%.1f}\n", amount * 1e9 / (double)elapsed_ns,
	       amount * 1e9 / (double)spent_ns);
}
