/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs share that try /dev/kvm: each is one translation unit, so all is static. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct test {
	const char *name;
	void (*test)(void);
};

static int kvm; /* /dev/kvm */
static int failures;
static const char *current_test;

/* Ends the running test where `condition` does not hold; the rest says more, as of printf. */
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("FAIL %s: line %d: %s: ", current_test, __LINE__, #condition);      \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
			failures++;                                                                \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* Ends the program: errno says why. */
static void die(const char *what)
{
	printf("FAIL %s: %s: %s\n", current_test ? current_test : "start", what, strerror(errno));
	exit(1);
}

/* An ioctl that must succeed. -> its result. */
#define CALL(fd, request, argument) call(fd, request, (void *)(argument), #request)
static int call(int fd, unsigned long request, void *argument, const char *name)
{
	int ret = ioctl(fd, request, argument);

	if (ret < 0)
		die(name);
	return ret;
}

static void open_kvm(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		die("/dev/kvm");
	if (CALL(kvm, KVM_GET_API_VERSION, 0) != 12)
		die("API version is not 12");
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc == 1;
}

/* Runs the tests that the command line names, or all. -> the program's exit status. */
static int run_tests(const struct test *tests, size_t count, int argc, char **argv)
{
	for (size_t i = 0; i < count; i++) {
		int before = failures;

		if (!is_wanted(tests[i].name, argc, argv))
			continue;
		current_test = tests[i].name;
		tests[i].test();
		if (failures == before)
			printf("ok %s\n", current_test);
	}
	printf("%d failures\n", failures);
	return failures != 0;
}

#endif
