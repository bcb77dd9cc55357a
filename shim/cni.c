/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI executable: a messenger between the container runtime and the agent on this node.
 *
 * A runtime executes it for every verb of every pod, so it is a small static program (a Node.js
 * start costs 25-60 ms, this 0.6 ms) that knows nothing about networking: it sends the CNI_*
 * environment and standard input to the agent's unix socket and prints what comes back.
 *
 *   POST /v1/cni, body: every CNI_* string of the environment, each closed by NUL, an empty
 *   string (one more NUL), then standard input as it is. The reply's body is our standard output,
 *   its header `Heddle-Exit` (0 or 1) our exit code.
 *
 * What it decides itself: VERSION (must work without an agent), and the error JSON when the agent
 * gives no usable answer. Errors go to standard output, where libcni looks for them first
 * (CNI spec 1.1, section 5 "Error"); free text goes to standard error.
 *
 * The socket: $HEDDLE_SOCKET, else "agentSocket" in the network configuration, else the default.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/heddle/agent.sock"
#define DEFAULT_TIMEOUT_MS                                                                         \
	60000 /* a slow agent is better than a failed pod; kubelet waits 2-4 min */
#define LATEST_VERSION "1.1.0"
#define SUPPORTED_VERSIONS "\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

enum limit {
	CONFIGURATION_LIMIT = 1 << 20,
	ENVIRONMENT_LIMIT = 1 << 18,
	REPLY_LIMIT = 4 << 20,
};

/* CNI spec 1.1, section 5. */
enum error_code {
	ERROR_ENVIRONMENT = 4,
	ERROR_IO = 5,
	ERROR_DECODE = 6,
	ERROR_CONFIGURATION = 7,
	ERROR_TRY_LATER = 11,
	ERROR_NOT_AVAILABLE = 50,
	ERROR_INTERNAL = 999,
};

struct buffer {
	char *bytes; /* always one NUL more than length says, once anything was appended */
	size_t length;
	size_t capacity;
};

struct call {
	const char *command; /* CNI_COMMAND */
	char version[32]; /* cniVersion of the request: errors answer in it */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	long long deadline_ms;
	struct buffer configuration;
	struct buffer body;
	struct buffer reply;
};

extern char **environ;

static bool append(struct buffer *buffer, const char *bytes, size_t length)
{
	size_t needed = buffer->length + length + 1;

	if (needed > buffer->capacity) {
		size_t capacity = needed > 2 * buffer->capacity ? needed : 2 * buffer->capacity;
		char *grown = realloc(buffer->bytes, capacity);

		if (!grown)
			return false;
		buffer->bytes = grown;
		buffer->capacity = capacity;
	}
	if (length)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	buffer->bytes[buffer->length] = '\0';
	return true;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* --- what we say ourselves --- */

static void print_json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char character = *text;

		if (character == '"' || character == '\\')
			printf("\\%c", character);
		else if (character < 0x20 || character == 0x7f)
			printf("\\u%04x", character);
		else
			putchar(character);
	}
	putchar('"');
}

/* Prints the error JSON; returns the exit code. The details say what to do. */
__attribute__((format(printf, 4, 5))) static int fail(const struct call *call, enum error_code code,
						      const char *details, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	printf("{\"cniVersion\":");
	print_json_string(call->version);
	printf(",\"code\":%d,\"msg\":", code);
	print_json_string(message);
	printf(",\"details\":");
	print_json_string(details);
	printf("}\n");
	fprintf(stderr, "heddle-cni: %s; %s\n", message, details);
	return 1;
}

static int print_versions(const struct call *call)
{
	printf("{\"cniVersion\":");
	print_json_string(call->version);
	printf(",\"supportedVersions\":[" SUPPORTED_VERSIONS "]}\n");
	return 0;
}

/* --- two keys of the configuration: everything else in it is the agent's business --- */

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* `at` is on the opening quote; returns the closing one, or NULL when the text ends first. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			return at;
	}
	return NULL;
}

/* The value of a key of the outermost object: its first character, or NULL. Keys of nested objects
 * and text inside strings do not count, so the depth and the strings are followed. */
static const char *find_value(const struct buffer *json, const char *key)
{
	const char *at = json->bytes, *end = json->bytes + json->length;
	size_t key_length = strlen(key);
	int depth = 0;

	for (; at && at < end; at++) {
		if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']') {
			depth--;
		} else if (*at == '"') {
			const char *name = at + 1;

			at = string_end(at, end);
			if (!at)
				return NULL;
			if (depth != 1 || (size_t)(at - name) != key_length ||
			    memcmp(name, key, key_length))
				continue;
			const char *colon = skip_space(at + 1, end);

			if (colon < end && *colon == ':')
				return skip_space(colon + 1, end);
		}
	}
	return NULL;
}

enum lookup {
	ABSENT,
	FOUND,
	NOT_PLAIN, /* no string, one with an escape other than \", \\ and \/, or one too long */
};

static enum lookup find_string(const struct buffer *json, const char *key, char *into, size_t size)
{
	const char *end = json->bytes + json->length;
	const char *at = find_value(json, key);
	size_t length = 0;

	if (!at)
		return ABSENT;
	if (at == end || *at != '"' || !string_end(at, end))
		return NOT_PLAIN;
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && !strchr("\"\\/", *++at))
			return NOT_PLAIN;
		if (*at == '\0' || length + 1 >= size)
			return NOT_PLAIN;
		into[length++] = *at;
	}
	into[length] = '\0';
	return FOUND;
}

/* --- the request --- */

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

/* --- the conversation --- */

/* STATUS has a code of its own for a plugin that cannot serve ADD; pods that exist need no agent. */
static enum error_code agent_error(const struct call *call)
{
	return strcmp(call->command, "STATUS") ? ERROR_TRY_LATER : ERROR_NOT_AVAILABLE;
}

static int cannot_reach(const struct call *call)
{
	return fail(call, agent_error(call),
		    "is the agent running on this node? its log and `heddle status` tell; "
		    "the runtime may try again",
		    "%s: connect to the Heddle agent at %s: %s", call->command, call->socket,
		    strerror(errno));
}

static int lost(const struct call *call, const char *what)
{
	return fail(call, agent_error(call),
		    "see the agent's log on this node; the runtime may try again",
		    "%s: the Heddle agent at %s %s", call->command, call->socket, what);
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
	char head[256];
	int length = snprintf(head, sizeof(head),
			      "POST /v1/cni HTTP/1.1\r\n"
			      "Host: heddle\r\n"
			      "Content-Type: application/octet-stream\r\n"
			      "Content-Length: %zu\r\n"
			      "Connection: close\r\n\r\n",
			      call->body.length);

	return send_all(agent, head, length) &&
	       send_all(agent, call->body.bytes, call->body.length);
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

static int ask_agent(struct call *call)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct reply reply = {};
	const char *timeout_text = getenv("HEDDLE_TIMEOUT_MS");
	long timeout_ms = timeout_text ? strtol(timeout_text, NULL, 10) : 0;
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;

	if (agent < 0)
		return cannot_reach(call);
	if (timeout_ms <= 0)
		timeout_ms = DEFAULT_TIMEOUT_MS;
	call->deadline_ms = now_ms() + timeout_ms;
	/* Covers connect as well, which waits while the agent's backlog is full. */
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	setsockopt(agent, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	strcpy(address.sun_path, call->socket);
	if (connect(agent, (struct sockaddr *)&address, sizeof(address))) {
		status = cannot_reach(call);
	} else {
		/* An agent that refuses early closes its end, but its answer is there to read. */
		if (!send_request(call, agent) && errno != EPIPE && errno != ECONNRESET)
			status = lost(call, "did not take the request");
		else
			status = receive_reply(call, agent, &reply) || print_reply(call, &reply);
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

int main(void)
{
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
