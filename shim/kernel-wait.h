/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an agent that does not answer waits for the kernel. A pod with CAP_NET_ADMIN can hold the
 * lock of all network interfaces for many seconds, and the agent's next request then takes as long.
 * The kernel does not end such a call for a signal: a restart could only lose the agent's state.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	LOOKS = 10,
	LOOK_MS = 100,
};

struct thread_state {
	char letter; /* proc_pid_stat(5) */
	unsigned long user_ticks, system_ticks;
};

static bool read_state(const char *file, struct thread_state *state)
{
	char text[512] = "";
	FILE *stat = fopen(file, "re");
	const char *end;

	if (!stat)
		return false;
	fread(text, 1, sizeof(text) - 1, stat);
	fclose(stat);
	/* The second field is a name, which may contain anything. */
	end = strrchr(text, ')');
	return end && sscanf(end, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			     &state->letter, &state->user_ticks, &state->system_ticks) == 3;
}

/*
 * `agent`: a connection to it. Its main thread is in the kernel if it never sleeps as an idle or
 * stopped one does (S, T), and hardly executes its own code: a thread that waits for a lock may
 * sleep (D) or run in the kernel until the lock is free.
 */
static bool waits_for_kernel(int agent)
{
	struct ucred owner = {};
	socklen_t length = sizeof(owner);
	struct thread_state first = {}, now = {};
	char file[64];

	if (getsockopt(agent, SOL_SOCKET, SO_PEERCRED, &owner, &length) || owner.pid <= 0)
		return false;
	snprintf(file, sizeof(file), "/proc/%d/task/%d/stat", owner.pid, owner.pid);
	for (int look = 0; look < LOOKS; look++) {
		if (look)
			poll(NULL, 0, LOOK_MS);
		if (!read_state(file, &now) || (now.letter != 'D' && now.letter != 'R'))
			return false;
		if (!look)
			first = now;
	}
	unsigned long user = now.user_ticks - first.user_ticks;

	return 10 * user <= user + now.system_ticks - first.system_ticks;
}
