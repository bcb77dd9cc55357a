/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's HTTP reply: received whole, or an error that says why not. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <strings.h>
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

/* STATUS has a code of its own for a plugin that cannot serve ADD; pods that exist need no agent. */
static enum error_code agent_error(const struct call *call)
{
	return strcmp(call->command, "STATUS") ? ERROR_TRY_LATER : ERROR_NOT_AVAILABLE;
}

static int lost(const struct call *call, const char *what)
{
	return fail(call, agent_error(call),
		    "see the agent's log on this node; the runtime may try again",
		    "%s: the Heddle agent at %s %s", call->command, call->socket, what);
}

struct reply {
	int status;
	int exit_code; /* -1: the header is missing or neither 0 nor 1 */
	size_t length; /* of the body */
	const char *body;
};

/* The value of a header, its blanks skipped; NULL when absent. `head` ends with an empty line. */
static const char *find_header(const char *head, const char *name)
{
	size_t length = strlen(name);
	const char *line = strstr(head, "\r\n") + 2;

	for (; strncmp(line, "\r\n", 2); line = strstr(line, "\r\n") + 2) {
		if (!strncasecmp(line, name, length) && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

/* False while the head is not complete. */
static bool parse_head(const struct buffer *received, struct reply *reply)
{
	const char *end = received->length ? strstr(received->bytes, "\r\n\r\n") : NULL;
	const char *exit_code, *length;

	if (!end)
		return false;
	if (sscanf(received->bytes, "HTTP/1.%*1d %3d ", &reply->status) != 1)
		reply->status = 0;
	exit_code = find_header(received->bytes, "Heddle-Exit");
	reply->exit_code =
		exit_code && (*exit_code == '0' || *exit_code == '1') ? *exit_code - '0' : -1;
	/* Without a length (a chunked reply, which the agent never sends) nothing is usable. */
	length = find_header(received->bytes, "Content-Length");
	if (!length || *length < '0' || *length > '9')
		reply->status = 0;
	else
		reply->length = strtoul(length, NULL, 10);
	reply->body = end + 4;
	return true;
}

static bool is_complete(const struct buffer *received, struct reply *reply)
{
	if (!parse_head(received, reply))
		return false;
	if (!reply->status || reply->length > REPLY_LIMIT)
		return true;
	return received->length - (reply->body - received->bytes) >= reply->length;
}

/* Reads until the reply is complete; prints an error and returns 1 when it does not come to that. */
static int receive_reply(struct call *call, int agent, struct reply *reply)
{
	char chunk[65536];
	struct pollfd wait = {.fd = agent, .events = POLLIN};

	while (!is_complete(&call->reply, reply)) {
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
		if (call->reply.length + count > REPLY_LIMIT)
			return lost(call, "sent an answer of more than 4 MiB");
		if (!append(&call->reply, chunk, count))
			return fail(call, ERROR_INTERNAL, "free memory on the node",
				    "reply of the agent: out of memory");
	}
	return 0;
}

static int print_reply(const struct call *call, const struct reply *reply)
{
	if (!reply->status || reply->length > REPLY_LIMIT)
		return lost(call, "sent an answer that is not one of an agent");
	if (reply->status != 200) {
		char refusal[512];

		snprintf(refusal, sizeof(refusal), "refused the request: HTTP %d %.*s",
			 reply->status, (int)strcspn(reply->body, "\r\n"), reply->body);
		return lost(call, refusal);
	}
	bool needs_text = reply->exit_code == 1 || !strcmp(call->command, "ADD");

	if (reply->exit_code < 0 || (needs_text && !reply->length))
		return lost(call, "sent an answer without a result");
	if (fwrite(reply->body, 1, reply->length, stdout) != reply->length || fflush(stdout)) {
		fprintf(stderr, "heddle-cni: write to standard output: %s\n", strerror(errno));
		return 1;
	}
	return reply->exit_code;
}
