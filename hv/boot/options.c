// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/options.h"

#include <stdbool.h>

#include "hv/lib/string.h"

/* A piece of the command line, not NUL-terminated. */
struct span {
	const char *text;
	size_t length;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool span_is(struct span span, const char *word)
{
	return span.length == strlen(word) && !memcmp(span.text, word, span.length);
}

/* Cuts what precedes the first `separator` off *rest and returns it. Without a
 * separator that is all, and an empty string is left. */
static struct span span_cut(struct span *rest, char separator)
{
	struct span head = *rest;

	for (head.length = 0; head.length < rest->length; head.length++)
		if (rest->text[head.length] == separator)
			break;

	size_t cut = head.length + (head.length < rest->length);

	rest->text += cut;
	rest->length -= cut;
	return head;
}

/* A decimal number up to `max`. */
static bool span_number(struct span span, uint32_t max, uint32_t *value)
{
	uint64_t number = 0;

	if (!span.length)
		return false;
	for (size_t i = 0; i < span.length; i++) {
		char c = span.text[i];

		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (uint64_t)(c - '0');
		if (number > max)
			return false;
	}
	*value = (uint32_t)number;
	return true;
}

/* Each of the following takes an option's value, and returns NULL or what is
 * wrong with it. */

static const char *parse_console(struct options *options, struct span value)
{
	static const char *const names[] = {
		[CONSOLE_NONE] = "none",
		[CONSOLE_COM1] = "com1",
		[CONSOLE_COM2] = "com2",
	};
	struct span name = span_cut(&value, ',');
	uint32_t baud = CONSOLE_DEFAULT_BAUD;

	if (value.length && (!span_number(value, 115200, &baud) || baud < 2 || 115200 % baud))
		return "baud rates are 115200 and its fractions, like 57600 or 9600";
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_is(name, names[i])) {
			options->console = (enum console_port)i;
			options->baud = baud;
			return NULL;
		}
	}
	return "consoles are com1, com2 and none";
}

static const char *parse_loglevel(struct options *options, struct span value)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_is(value, names[i])) {
			options->loglevel = (enum log_level)i;
			return NULL;
		}
	}
	return "levels are error, warn, info and debug";
}

static const char *parse_reboot(struct options *options, struct span value)
{
	if (!span_number(value, OPTIONS_MAX_REBOOT, &options->reboot))
		return "the value is a number of seconds, 0 to 3600";
	return NULL;
}

static const struct option {
	const char *name;
	const char *(*parse)(struct options *options, struct span value);
} known[] = {
	{ "console", parse_console },
	{ "loglevel", parse_loglevel },
	{ "reboot", parse_reboot },
};

static const char *parse_word(struct options *options, struct span word)
{
	struct span name = span_cut(&word, '=');

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_is(name, known[i].name))
			return known[i].parse(options, word);
	return "options are console=, loglevel= and reboot=";
}

void options_parse(struct options *options, const char *cmdline)
{
	*options = (struct options){
		.console = CONSOLE_COM1,
		.baud = CONSOLE_DEFAULT_BAUD,
		.loglevel = LOG_INFO,
		.reboot = OPTIONS_NO_REBOOT,
	};
	for (;;) {
		struct span word = { .text = cmdline };
		const char *why;

		while (is_blank(*word.text))
			word.text++;
		while (word.text[word.length] && !is_blank(word.text[word.length]))
			word.length++;
		if (!word.length)
			return;
		cmdline = word.text + word.length;

		why = parse_word(options, word);
		if (!why)
			continue;
		if (options->complaint_count < OPTIONS_MAX_COMPLAINTS)
			options->complaints[options->complaint_count] = (struct options_complaint){
				.word = word.text,
				.length = (uint32_t)word.length,
				.why = why,
			};
		options->complaint_count++;
	}
}

void options_apply(const struct options *options)
{
	console_set(options->console, options->baud);
	log_set_level(options->loglevel);
	for (uint32_t i = 0; i < options->complaint_count; i++) {
		if (i == OPTIONS_MAX_COMPLAINTS) {
			pr_warn("%u more options ignored", options->complaint_count - i);
			break;
		}
		pr_warn("option \"%.*s\" ignored: %s", (int)options->complaints[i].length,
			options->complaints[i].word, options->complaints[i].why);
	}
}
