/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a string among the outermost keys of a JSON object; the agent parses the rest. */
#pragma once

#include "buffer.h"

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* `at` is on the opening quote; returns the closing one, or NULL if the text ends first. */
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

/*
 * Returns the first character of a key's value in the outermost object, or NULL. Keys of nested
 * objects and text inside strings do not count, so the function follows depth and strings.
 */
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
