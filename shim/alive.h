/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `heddle-cni alive [SOCKET]`: asks whether the agent's event loop runs. It serves the kubelet's
 * probes: any process on the node can take the agent's TCP port for probes, and the kubelet would
 * then kill the agent; only root can create the agent's socket.
 */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel-wait.h"
#include "reply.h"
#include "request.h"

enum {
	/* The kubelet waits 5 s for the probe (deploy/). */
	PATIENCE_MS = 2000,
};

static bool is_answered(int agent)
{
	struct pollfd wait = {.fd = agent, .events = POLLIN};

	return poll(&wait, 1, PATIENCE_MS) != 0;
}

static int probe(const char *path)
{
	/* No body. Its answer is success, without output. */
	static const char question[] = {0, 0, 0, 0};
	static const char expected[] = {0, 0, 0, 1, SUCCEEDED};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	/*
	 * The kubelet's own time limit applies first; this one ends a process that the kubelet no
	 * longer waits for.
	 */
	struct timeval timeout = {.tv_sec = 10};
	char answer[sizeof(expected)] = "";
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = false;

	if (!put_socket(path, address.sun_path, sizeof(address.sun_path))) {
		printf("%s: is too long for a socket path\n", path);
		return 1;
	}
	setsockopt(agent, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(agent, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(agent, (struct sockaddr *)&address, sizeof(address)) ||
	    send(agent, question, sizeof(question), MSG_NOSIGNAL) < 0)
		printf("the Heddle agent at %s: %s\n", path, strerror(errno));
	else if (!is_answered(agent) && waits_for_kernel(agent)) {
		printf("the Heddle agent at %s waits for the kernel\n", path);
		alive = true;
	} else if (recv(agent, answer, sizeof(answer), MSG_WAITALL) < 0)
		printf("the Heddle agent at %s: %s\n", path, strerror(errno));
	else if (memcmp(answer, expected, sizeof(expected)))
		printf("the Heddle agent at %s does not report itself healthy\n", path);
	else
		alive = true;
	close(agent);
	return !alive;
}
