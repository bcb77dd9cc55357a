/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short TCP connections, one after another, from few source ports, which therefore come again all
 * the time:
 *
 *   storm serve PORT NAME                             answers each connection with a letter, closes
 *   storm ask ADDRESS PORT COUNT SECONDS FIRST PORTS  connects from the ports FIRST, FIRST + 1, ...
 *
 * The server closes first, so that a client's port is free again immediately. `ask` ends after COUNT
 * connections or SECONDS, and prints how many had which outcome: {"a": 59990, "ECONNREFUSED": 10}.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_OUTCOMES = 16,
	PATIENCE_SECONDS = 5,
};

struct outcome {
	char name[32];
	long count;
};

static struct outcome outcomes[MOST_OUTCOMES];

static void count_outcome(const char *name)
{
	for (int i = 0; i < MOST_OUTCOMES; i++) {
		struct outcome *outcome = &outcomes[i];

		if (outcome->count == 0)
			snprintf(outcome->name, sizeof(outcome->name), "%s", name);
		if (strcmp(outcome->name, name) == 0) {
			outcome->count++;
			return;
		}
	}
	errx(1, "more than %d outcomes", MOST_OUTCOMES);
}

static void print_outcomes(void)
{
	const char *comma = "";

	printf("{");
	for (int i = 0; i < MOST_OUTCOMES && outcomes[i].count > 0; i++) {
		printf("%s\"%s\": %ld", comma, outcomes[i].name, outcomes[i].count);
		comma = ", ";
	}
	printf("}\n");
}

static socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	*address = (struct sockaddr_storage){};
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	if (inet_pton(AF_INET, text, &v4->sin_addr) != 1)
		errx(2, "%s is not an address", text);
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	return sizeof(*v4);
}

static int serve(uint16_t port, char name)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address("::", port, &address);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) ||
	    listen(listener, 1024))
		err(1, "listen");
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0)
			continue;
		(void)!write(connection, &name, 1);
		close(connection);
	}
}

static const char *ask_once(const struct sockaddr_storage *to, socklen_t length, uint16_t from)
{
	static char answer[2];
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	const char *outcome = answer;
	struct sockaddr_storage own;
	int connection = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connection < 0)
		err(1, "socket");
	setsockopt(connection, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	parse_address(to->ss_family == AF_INET ? "0.0.0.0" : "::", from, &own);
	if (bind(connection, (struct sockaddr *)&own, length))
		outcome = "bind";
	else if (connect(connection, (const struct sockaddr *)to, length))
		outcome = strerrorname_np(errno);
	else if (read(connection, answer, 1) != 1)
		outcome = "no answer";
	/* The server's end, so that it is the server that closes first. */
	else if (read(connection, &(char){0}, 1) != 0)
		outcome = "no end";
	close(connection);
	return outcome;
}

static int ask(char **words)
{
	struct sockaddr_storage to;
	socklen_t length = parse_address(words[0], (uint16_t)atoi(words[1]), &to);
	long count = atol(words[2]), first = atol(words[4]), ports = atol(words[5]);
	time_t end = time(NULL) + atol(words[3]);

	for (long i = 0; i < count && time(NULL) < end; i++)
		count_outcome(ask_once(&to, length, (uint16_t)(first + i % ports)));
	print_outcomes();
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve((uint16_t)atoi(argv[2]), argv[3][0]);
	if (argc == 8 && strcmp(argv[1], "ask") == 0)
		return ask(argv + 2);
	errx(2, "usage: storm serve PORT NAME | storm ask ADDRESS PORT COUNT SECONDS FIRST PORTS");
}
