/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI executable: carries messages between the container runtime and the agent on this node.
 *
 * A runtime executes it for every verb of every pod, so it is a small static program (a Node.js
 * start costs 25-60 ms, this 0.6 ms) that knows nothing about networking: it sends the CNI_*
 * environment and standard input to the agent's unix socket and prints the reply.
 *
 * A message in either direction is a length (four bytes in network order) and a body of that
 * length. The request's body: every CNI_* string of the environment, each ended by NUL, an empty
 * string (one more NUL), then standard input unchanged. The reply's body: one byte, which is our
 * exit code (0 or 1) or 2 for a request that the agent refuses, then our standard output or the
 * reason for the refusal.
 *
 * The shim itself handles VERSION (which must work without an agent), and writes the error JSON
 * when the agent gives no usable answer. Errors go to standard output, where libcni looks for them
 * first (CNI spec 1.1, section 5 "Error"); free text goes to standard error.
 *
 * The path of the socket is the path of the agent's API socket with ".cni" appended. The API
 * socket is $HEDDLE_SOCKET, else "agentSocket" in the network configuration, else the default.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "alive.h"
#include "answer.h"
#include "reply.h"
#include "request.h"

/* A slow agent is better than a failed pod; the kubelet waits 2-4 min. */
#define DEFAULT_TIMEOUT_MS 60000

static int cannot_reach(const struct call *call)
{
	return fail(call, agent_error(call),
		    "is an agent of this version running on this node? see its log and "
		    "`heddle status`; the runtime may retry",
		    "%s: connect to the Heddle agent at %s: %s", call->command, call->socket,
		    strerror(errno));
}

static bool send_all(int agent, const char *bytes, size_t length)
{
	while (length) {
		ssize_t count = send(agent, bytes, length, MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		bytes += count;
		length -= count;
	}
	return true;
}

static bool send_request(const struct call *call, int agent)
{
	uint32_t length = htonl(call->body.length);
	/* One send for the whole request wakes the agent once. */
	struct buffer request = {};
	bool sent = append(&request, (const char *)&length, sizeof(length)) &&
		    append(&request, call->body.bytes, call->body.length) &&
		    send_all(agent, request.bytes, request.length);

	free(request.bytes);
	return sent;
}

static int ask_agent(struct call *call)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *timeout_text = getenv("HEDDLE_TIMEOUT_MS");
	long timeout_ms = timeout_text ? strtol(timeout_text, NULL, 10) : 0;
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;

	if (agent < 0)
		return cannot_reach(call);
	if (timeout_ms <= 0)
		timeout_ms = DEFAULT_TIMEOUT_MS;
	call->deadline_ms = now_ms() + timeout_ms;
	/* Also limits connect, which waits while the agent's backlog is full. */
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	setsockopt(agent, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	strcpy(address.sun_path, call->socket);
	if (connect(agent, (struct sockaddr *)&address, sizeof(address))) {
		status = cannot_reach(call);
	} else {
		/* An agent that refuses early closes its end, but its answer can still be read. */
		if (!send_request(call, agent) && errno != EPIPE && errno != ECONNRESET)
			status = lost(call, "did not accept the request");
		else
			status = receive_reply(call, agent) || print_reply(call);
	}
	close(agent);
	return status;
}

static int run(struct call *call)
{
	if (!call->command || !*call->command)
		return fail(call, ERROR_ENVIRONMENT,
			    "this is a CNI plugin (versions " LATEST_VERSION
			    " and older); a container runtime executes it",
			    "CNI_COMMAND: is not set");
	if (read_configuration(call))
		return 1;
	if (!strcmp(call->command, "VERSION"))
		return print_versions(call);
	if (choose_socket(call) || build_body(call))
		return 1;
	return ask_agent(call);
}

int main(int count, char **arguments)
{
	if (count > 1 && !strcmp(arguments[1], "alive"))
		return probe(count > 2 ? arguments[2] : DEFAULT_SOCKET);

	struct call call = {.command = getenv("CNI_COMMAND"), .version = LATEST_VERSION};
	int status = run(&call);

	if (fflush(stdout) && !status) {
		fprintf(stderr, "heddle-cni: write to standard output: %s\n", strerror(errno));
		status = 1;
	}
	free(call.configuration.bytes);
	free(call.body.bytes);
	free(call.reply.bytes);
	return status;
}
