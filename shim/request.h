/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's request in the form that the agent receives, and the agent's socket. */
#pragma once

#include <errno.h>
#include <unistd.h>

#include "answer.h"
#include "ids.h"
#include "json.h"

/*
 * Kubernetes allows a pod 256 KiB of annotations, which Go writes with up to six bytes each; the
 * result of an earlier plugin and a list of attachments are added. One environment variable has at
 * most 128 KiB (execve(2)).
 */
enum request_limit {
	CONFIGURATION_LIMIT = 8 << 20,
	ENVIRONMENT_LIMIT = 1 << 20,
};

extern char **environ;

/*
 * DEL is repeated until it succeeds, and needs only four variables: other content must not stop
 * it.
 */
static bool is_del(const struct call *call)
{
	return !strcmp(call->command, "DEL");
}

/*
 * If the configuration is too long, DEL keeps only its version, once the agent's socket is known.
 */
static bool shorten_configuration(struct call *call)
{
	char brief[64];

	snprintf(brief, sizeof(brief), "{\"cniVersion\":\"%s\"}", call->version);
	call->configuration.length = 0;
	return append(&call->configuration, brief, strlen(brief));
}

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
		if (call->is_long || call->configuration.length + count > CONFIGURATION_LIMIT) {
			call->is_long = true;
			if (is_del(call))
				continue;
			return fail(call, ERROR_DECODE, "shorten the network configuration",
				    "network configuration on standard input: longer than 8 MiB");
		}
		if (!append(&call->configuration, chunk, count))
			return fail(call, ERROR_INTERNAL, "free memory on the node",
				    "network configuration: out of memory");
	}
	char version[sizeof(call->version)];

	if (find_string(&call->configuration, "cniVersion", version, sizeof(version)) == FOUND)
		strcpy(call->version, version);
	return 0;
}

/* False: the path of the API's socket is too long for a unix socket. */
static bool put_socket(const char *api_socket, char *into, size_t size)
{
	return (size_t)snprintf(into, size, "%s" CNI_SUFFIX, api_socket) < size;
}

static int choose_socket(struct call *call)
{
	char configured[sizeof(call->socket) - (sizeof(CNI_SUFFIX) - 1)];
	const char *chosen = getenv("HEDDLE_SOCKET");

	if (!chosen || !*chosen) {
		enum lookup found = find_string(&call->configuration, "agentSocket", configured,
						sizeof(configured));

		if (found == NOT_PLAIN && !is_del(call))
			return fail(call, ERROR_CONFIGURATION,
				    "give it as a plain string of at most 103 bytes",
				    "network configuration: agentSocket is not a socket path");
		chosen = found == FOUND ? configured : DEFAULT_SOCKET;
	}
	if (!put_socket(chosen, call->socket, sizeof(call->socket)))
		return fail(call, ERROR_ENVIRONMENT, "the agent's socket has at most 103 bytes",
			    "HEDDLE_SOCKET: %s is too long", chosen);
	return 0;
}

/* Variables that the agent needs for every verb. */
static bool is_needed(const char *entry)
{
	static const char *const needed[] = {
		"CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME="};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!strncmp(entry, needed[i], strlen(needed[i])))
			return true;
	return false;
}

static int build_body(struct call *call)
{
	bool fits = !(call->is_long && is_del(call)) || shorten_configuration(call);

	for (char **entry = environ; *entry; entry++) {
		size_t length = strlen(*entry) + 1;

		if (strncmp(*entry, "CNI_", 4))
			continue;
		if (is_del(call) && !is_needed(*entry))
			continue;
		if (call->body.length + length > ENVIRONMENT_LIMIT)
			return fail(call, ERROR_ENVIRONMENT, "shorten the CNI_* variables",
				    "CNI_* environment: longer than 1 MiB");
		fits = fits && append(&call->body, *entry, length);
	}
	fits = fits && append(&call->body, "", 1);
	fits = fits && append(&call->body, call->configuration.bytes, call->configuration.length);
	if (!fits)
		return fail(call, ERROR_INTERNAL, "free memory on the node", "out of memory");
	return 0;
}
