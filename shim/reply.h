/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's reply: received completely, or an error that gives the reason. The other end is
 * src/agent/server/cni-socket.ts.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>

#include "answer.h"

enum {
	REPLY_LIMIT = 4 << 20,
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* STATUS has its own code for a plugin that cannot serve ADD; existing pods need no agent. */
static enum error_code agent_error(const struct call *call)
{
	return strcmp(call->command, "STATUS") ? ERROR_TRY_LATER : ERROR_NOT_AVAILABLE;
}

static int lost(const struct call *call, const char *what)
{
	return fail(call, agent_error(call),
		    "see the agent's log on this node; the runtime may retry",
		    "%s: the Heddle agent at %s %s", call->command, call->socket, what);
}

/* The first byte of the reply's body. */
enum outcome {
	SUCCEEDED,
	FAILED,
	REFUSED,
};

enum {
	LENGTH_BYTES = 4,
};

/* Length of the reply's body; 0 while it is unknown, or if the reply is not from an agent. */
static size_t body_length(const struct buffer *received)
{
	uint32_t length;

	if (received->length < LENGTH_BYTES)
		return 0;
	memcpy(&length, received->bytes, LENGTH_BYTES);
	length = ntohl(length);
	return length <= REPLY_LIMIT ? length : 0;
}

static bool is_complete(const struct buffer *received)
{
	if (received->length < LENGTH_BYTES)
		return false;
	return received->length - LENGTH_BYTES >= body_length(received);
}

/* Reads until the reply is complete; if it cannot be completed, prints an error and returns 1. */
static int receive_reply(struct call *call, int agent)
{
	char chunk[65536];
	struct pollfd wait = {.fd = agent, .events = POLLIN};

	while (!is_complete(&call->reply)) {
		long long left = call->deadline_ms - now_ms();
		int ready = left > 0 ? poll(&wait, 1, left) : 0;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return lost(call, "did not answer in time");
		ssize_t count = recv(agent, chunk, sizeof(chunk), 0);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return lost(call, "closed the connection before its answer was complete");
		if (!append(&call->reply, chunk, count))
			return fail(call, ERROR_INTERNAL, "free memory on the node",
				    "reply of the agent: out of memory");
	}
	return 0;
}

static int print_reply(const struct call *call)
{
	size_t length = body_length(&call->reply);
	const char *body = call->reply.bytes + LENGTH_BYTES;
	const char *text = body + 1;

	if (!length || *body < SUCCEEDED || *body > REFUSED)
		return lost(call, "sent an answer that is not an agent's");
	length--;
	if (*body == REFUSED) {
		char refusal[512];

		snprintf(refusal, sizeof(refusal), "refused the request: %.*s", (int)length, text);
		return lost(call, refusal);
	}
	if (!length && (*body == FAILED || !strcmp(call->command, "ADD")))
		return lost(call, "sent an answer without a result");
	if (fwrite(text, 1, length, stdout) != length || fflush(stdout)) {
		fprintf(stderr, "heddle-cni: write to standard output: %s\n", strerror(errno));
		return 1;
	}
	return *body;
}
