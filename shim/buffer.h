/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that grows. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
	char *bytes; /* always one NUL more than length says, once anything was appended */
	size_t length;
	size_t capacity;
};

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
