/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of the measuring programs.
 *
 * ADDRESS is the server's, or with Services in front of it `ADDRESS:PORT,SERVICE:PORT/COUNT`: the
 * server listens on that port, and the client uses the addresses of the COUNT Services in turn (by
 * default 1), from SERVICE upwards.
 */
#pragma once

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	const char *server_namespace;
	struct sockaddr_in address; /* of the server; its port is known once it listens */
	struct sockaddr_in service; /* the first in front of it; port 0: none */
	uint32_t services; /* at as many addresses, one after the other */
	int client_cpu;
	int server_cpu;
	uint64_t amount; /* milliseconds or a count: the program knows */
};

static inline uint64_t parse_number(const char *text, uint64_t most)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text == 0 || *end || number > most)
		errx(2, "%s is not a number up to %llu", text, (unsigned long long)most);
	return number;
}

/* `ADDRESS` or `ADDRESS:PORT`. Changes `text`. */
static inline struct sockaddr_in parse_address(char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char *port = strchr(text, ':');

	if (port) {
		*port++ = 0;
		address.sin_port = htons((uint16_t)parse_number(port, 65535));
	}
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		errx(2, "%s is not an IPv4 address", text);
	return address;
}

/* The number of Services behind `/`, which it cuts off. */
static inline uint32_t parse_services(char *text)
{
	char *count = strchr(text, '/');
	uint32_t services = 1;

	if (count) {
		*count++ = 0;
		services = (uint32_t)parse_number(count, 256);
	}
	if (services == 0)
		errx(2, "no Service");
	return services;
}

static inline struct pair parse_pair(int argc, char **argv)
{
	struct pair pair = {};
	char *service;

	if (argc != 6)
		errx(2, "usage: %s SERVER-NAMESPACE ADDRESS CLIENT-CPU SERVER-CPU AMOUNT", argv[0]);
	pair.server_namespace = argv[1];
	service = strchr(argv[2], ',');
	if (service) {
		*service++ = 0;
		pair.services = parse_services(service);
		pair.service = parse_address(service);
	}
	pair.address = parse_address(argv[2]);
	pair.client_cpu = (int)parse_number(argv[3], CPU_SETSIZE - 1);
	pair.server_cpu = (int)parse_number(argv[4], CPU_SETSIZE - 1);
	pair.amount = parse_number(argv[5], 10000000);
	return pair;
}
