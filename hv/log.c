// SPDX-License-Identifier: GPL-2.0-only
#include "hv/log.h"
#include "hv/console.h"
#include "hv/print.h"
#include "hv/spinlock.h"
#include "hv/x86.h"

/* About a second; the TSC is not calibrated. */
#define TICKS_PER_MESSAGE (1ull << 31)

static enum log_level console_level = LOG_INFO;

/* Byte p of all that was ever logged is ring[p % LOG_SIZE]. */
static char ring[LOG_SIZE];
static uint64_t end; /* bytes ever logged */
static struct spinlock lock;

static const char *const prefixes[] = {
	[LOG_ERROR] = "mullion: error: ",
	[LOG_WARN] = "mullion: warning: ",
	[LOG_INFO] = "mullion: ",
	[LOG_DEBUG] = "mullion: debug: ",
};

void log_set_level(enum log_level level)
{
	console_level = level;
}

void log_vprint(enum log_level level, const char *format, va_list args)
{
	char line[LOG_LINE_MAX];
	size_t length;

	if (level > console_level && level > LOG_INFO)
		return;
	length = hv_snprintf(line, sizeof(line), "%s", prefixes[level]);
	length += hv_vsnprintf(line + length, sizeof(line) - length, format, args);
	if (line[length - 1] != '\n')
		line[length++] = '\n'; /* in the NUL's place if need be */
	spin_lock(&lock);
	for (size_t i = 0; i < length; i++)
		ring[end++ % LOG_SIZE] = line[i];
	if (level <= console_level)
		console_write(line, length);
	spin_unlock(&lock);
}

void log_print(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vprint(level, format, args);
	va_end(args);
}

bool log_budget(void)
{
	static uint64_t budget = LOG_BURST, refilled;
	uint64_t now = rdtsc();
	bool granted;

	spin_lock(&lock);
	if (now - refilled >= TICKS_PER_MESSAGE) {
		budget = min(budget + (now - refilled) / TICKS_PER_MESSAGE, (uint64_t)LOG_BURST);
		refilled = now;
	}
	granted = budget > 0;
	budget -= granted;
	spin_unlock(&lock);
	return granted;
}

STOP size_t log_read(uint64_t position, char *buf, size_t size, uint64_t *first)
{
	uint64_t oldest;
	size_t length;

	spin_lock(&lock);
	oldest = end > LOG_SIZE ? end - LOG_SIZE : 0;
	*first = position = min(max(position, oldest), end);
	length = min(end - position, size);
	for (size_t i = 0; i < length; i++)
		buf[i] = ring[(position + i) % LOG_SIZE];
	spin_unlock(&lock);
	return length;
}
