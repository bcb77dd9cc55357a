/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of the shim itself: the error JSON of the specification, and the versions. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "call.h"
#include "ids.h"

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

/* Prints the error JSON; returns the exit code. The details tell the user what to do. */
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
