/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `heddle-cni alive [SOCKET]`: does the agent's own loop turn? For a kubelet's probes: the agent's port for them can be
 * taken by any process on the node, which then has the kubelet kill the agent; its socket is in a folder of root's.
 */
#pragma once

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "reply.h"
#include "request.h"

static int probe(const char *path)
{
	/* No body; its answer: success, without output. */
	static const char question[] = {0, 0, 0, 0};
	static const char expected[] = {0, 0, 0, 1, SUCCEEDED};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	/* The kubelet's own time limit is the one that counts; this one ends what it has given up. */
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
	    send(agent, question, sizeof(question), MSG_NOSIGNAL) < 0 ||
	    recv(agent, answer, sizeof(answer), MSG_WAITALL) < 0)
		printf("the Heddle agent at %s: %s\n", path, strerror(errno));
	else if (memcmp(answer, expected, sizeof(expected)))
		printf("the Heddle agent at %s does not report itself healthy\n", path);
	else
		alive = true;
	close(agent);
	return !alive;
}
