// SPDX-License-Identifier: GPL-2.0-only
#include "hv/boot/options.h"

#include "hv/console.h"
#include "hv/lib/string.h"
#include "hv/log.h"
#include "hv/types.h"

struct options options = {
	.console = CONSOLE_COM1,
	.divisor = 1,
	.loglevel = LOG_INFO,
	.reboot = OPTIONS_NO_REBOOT,
};

/* Every word there is, and what it sets. */
static const struct {
	const char *word;
	uint32_t *field;
	uint32_t value;
} words[] = {
	{ "console=none", &options.console, CONSOLE_NONE },
	{ "console=com1", &options.console, CONSOLE_COM1 },
	{ "console=com2", &options.console, CONSOLE_COM2 },
	{ "baud=115200", &options.divisor, 1 },
	{ "baud=57600", &options.divisor, 2 },
	{ "baud=38400", &options.divisor, 3 },
	{ "baud=19200", &options.divisor, 6 },
	{ "baud=9600", &options.divisor, 12 },
	{ "loglevel=error", &options.loglevel, LOG_ERROR },
	{ "loglevel=warn", &options.loglevel, LOG_WARN },
	{ "loglevel=info", &options.loglevel, LOG_INFO },
	{ "loglevel=debug", &options.loglevel, LOG_DEBUG },
};

static const char reboot[] = "reboot=";

/* A decimal number up to OPTIONS_MAX_REBOOT. */
static bool take_reboot(const char *digits, const char *end)
{
	const char *at = digits;
	uint32_t seconds = 0;

	while (*at >= '0' && *at <= '9' && seconds <= OPTIONS_MAX_REBOOT)
		seconds = seconds * 10 + (uint32_t)(*at++ - '0');
	if (at == digits || at != end || seconds > OPTIONS_MAX_REBOOT)
		return false;
	options.reboot = seconds;
	return true;
}

static bool take_word(const char *word, size_t length)
{
	size_t prefix = sizeof(reboot) - 1;

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		if (length == strlen(words[i].word) && !memcmp(word, words[i].word, length)) {
			*words[i].field = words[i].value;
			return true;
		}
	}
	return !strncmp(word, reboot, prefix) && take_reboot(word + prefix, word + length);
}

/* Blanks are all that is not printable. */
static void take_words(const char *at, bool complain)
{
	while (*at) {
		const char *word = at;

		while ((unsigned char)*at > ' ')
			at++;
		if (at == word)
			at++;
		else if (!take_word(word, (size_t)(at - word)) && complain)
			pr_warn("option \"%.*s\" ignored: there are console=com1|com2|none, "
				"baud=115200|57600|38400|19200|9600, "
				"loglevel=error|warn|info|debug and reboot=SECONDS (up to %u)",
				(int)(at - word), word, OPTIONS_MAX_REBOOT);
	}
}

void options_take(const char *cmdline)
{
	take_words(cmdline, false);
	console_set(options.console, (uint16_t)options.divisor);
	log_set_level(options.loglevel);
	take_words(cmdline, true);
}
