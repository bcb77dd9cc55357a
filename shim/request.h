/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime gave us, as the agent is sent it, and where the agent listens. */
#pragma once

#include <errno.h>
#include <unistd.h>

#include "answer.h"
#include "json.h"

#define DEFAULT_SOCKET "/run/heddle/agent.sock"

enum request_limit {
	CONFIGURATION_LIMIT = 1 << 20,
	ENVIRONMENT_LIMIT = 1 << 18,
};

extern char **environ;

static int read_configuration(struct call *call)
{
	char chunk[65536];
	ssize_t count;

	while ((count = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail(call, ERROR_IO, "the runtime passes it to the plugin",
				    "read network configuration from standard input: %s",
				    strerror(errno));
		if (call->configuration.length + count > CONFIGURATION_LIMIT)
			return fail(call, ERROR_DECODE, "shorten the network configuration",
				    "network configuration on standard input: longer than 1 MiB");
		if (!append(&call->configuration, chunk, count))
			return fail(call, ERROR_INTERNAL, "free memory on the node",
				    "network configuration: out of memory");
	}
	char version[sizeof(call->version)];

	if (find_string(&call->configuration, "cniVersion", version, sizeof(version)) == FOUND)
		strcpy(call->version, version);
	return 0;
}

static int choose_socket(struct call *call)
{
	const char *chosen = getenv("HEDDLE_SOCKET");

	if (!chosen || !*chosen) {
		enum lookup found = find_string(&call->configuration, "agentSocket", call->socket,
						sizeof(call->socket));

		if (found == NOT_PLAIN)
			return fail(call, ERROR_CONFIGURATION,
				    "give it as a plain string of at most 107 bytes",
				    "network configuration: agentSocket is not a socket path");
		if (found == FOUND)
			return 0;
		chosen = DEFAULT_SOCKET;
	}
	if (strlen(chosen) >= sizeof(call->socket))
		return fail(call, ERROR_ENVIRONMENT, "a unix socket's path has at most 107 bytes",
			    "HEDDLE_SOCKET: %s is too long", chosen);
	strcpy(call->socket, chosen);
	return 0;
}

static int build_body(struct call *call)
{
	bool fits = true;

	for (char **entry = environ; *entry; entry++) {
		size_t length = strlen(*entry) + 1;

		if (strncmp(*entry, "CNI_", 4))
			continue;
		if (call->body.length + length > ENVIRONMENT_LIMIT)
			return fail(call, ERROR_ENVIRONMENT, "shorten the CNI_* variables",
				    "CNI_* environment: longer than 256 KiB");
		fits = fits && append(&call->body, *entry, length);
	}
	fits = fits && append(&call->body, "", 1);
	fits = fits && append(&call->body, call->configuration.bytes, call->configuration.length);
	if (!fits)
		return fail(call, ERROR_INTERNAL, "free memory on the node", "out of memory");
	return 0;
}
