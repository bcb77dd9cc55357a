/* SPDX-License-Identifier: Apache-2.0 */
/* One execution: the runtime's request and its state. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "buffer.h"

struct call {
	const char *command; /* CNI_COMMAND */
	char version[32]; /* cniVersion of the request: errors answer in it */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	long long deadline_ms;
	struct buffer configuration;
	bool is_long; /* the configuration: there was more of it than is taken */
	struct buffer body;
	struct buffer reply;
};
