// SPDX-License-Identifier: GPL-2.0-only
/* What `mullion info` and `mullion stat` print, and why the device cannot be used. */
#include "cli_support.h"

#include <errno.h>
#include <string.h>

#include "vmm-user/cli/device.h"
#include "vmm-user/cli/info.h"
#include "vmm-user/cli/stat.h"
#include "vmm-user/cli/text.h"

static void test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "0.0 KiB" },
		{ 4096, "4 KiB" },
		{ 1023 * 1024, "1023 KiB" },
		{ 1 << 20, "1.0 MiB" },
		{ 1567 * 1024, "1.5 MiB" },
		{ 2047 * 1024, "2.0 MiB" },
		{ 2146951168, "2.0 GiB" },
		{ 1ull << 40, "1.0 TiB" },
		{ 1ull << 50, "1.0 PiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char buf[TEXT_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_size(buf, cases[i].bytes), cases[i].text);
}

static void test_safe_text(void **state)
{
	struct printed p;

	(void)state;
	text_print_safe(print_begin(&p), "a\tb\x1b]0;\a\n\r\x7f\xc3\xa4", 13);
	print_check(&p, "a\tb\\x1b]0;\\x07\\x0a\\x0d\\x7f\xc3\xa4");
}

static void test_stat_names_differ(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < MULLION_STAT_COUNT; i++) {
		assert_non_null(text_stat(i));
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(text_stat(i), text_stat(k));
	}
}

/* A machine with two guests, the first of a process with an unpleasant name. */
static struct machine machine;

static int make_machine(void **state)
{
	(void)state;
	machine = (struct machine){
		.info = {
			.abi_version = 1,
			.features = MULLION_FEATURE_SVM | MULLION_FEATURE_NEXT_RIP |
				    MULLION_FEATURE_XSAVE | 1u << 31,
			.version = "1.2.3",
			.processors = 4,
			.vm_count = 2,
			.ram_frames = 1 << 18,
			.root_frames = 768,
			.root_free = 100,
			.donated = 64,
			.shared = 1 << 17,
			.image_start = 0x200000,
			.image_end = 0x246000,
			.xcr0_mask = 7,
			.boot_instructions = 12345678,
		},
		.count = 3,
		.guests = {
			{ .vm = { 1, 2, 40, 3, (1 << 17) - 1 },
			  .owner = { .vm = 1, .pid = 812, .comm = "q\"\x1b[2Jemu" } },
			/* What the first one has for system management mode. */
			{ .vm = { 7, 1, 8, 2, 1 }, .owner = { .vm = 7, .pid = 812, .comm = "q", .smm_of = 1 } },
			{ .vm = { 1023, 64, 16, 0, 0 } },
		},
	};
	return 0;
}

static void test_info(void **state)
{
	struct printed p;

	(void)state;
	info_print(print_begin(&p), &machine);
	print_check(&p,
		    "Hypervisor:   Mullion 1.2.3, interface version 1\n"
		    "Processors:   4, AMD-V\n"
		    "Features:     next_rip xsave bit 31\n"
		    "Guests' XCR0: 0x7\n"
		    "Boot:         12345678 TSC ticks until Linux's first instruction\n"
		    "RAM:          1.0 GiB\n"
		    "Root mode:    3.0 MiB, 400 KiB of it unused; image at 0x200000-0x246000\n"
		    "Donated:      256 KiB of the service domain's memory, to run guests\n"
		    "Mapped:       512.0 MiB of the service domain's memory, into guests\n"
		    "Guests:       2\n"
		    "\n"
		    "   VM  vCPUs     donated      unused      mapped      PID  process\n"
		    "    1      2     192 KiB      20 KiB   512.0 MiB      812  q\"\\x1b[2Jemu\n"
		    " 1023     64      64 KiB           0           0\n");
}

static void test_info_without_guests(void **state)
{
	struct printed p;

	(void)state;
	machine.count = 0;
	machine.info.features = MULLION_FEATURE_VMX;
	info_print(print_begin(&p), &machine);
	fflush(p.out);
	assert_non_null(strstr(p.text, "Processors:   4, VT-x\nFeatures:     none\n"));
	assert_non_null(strstr(p.text, "Guests:       0\n"));
	assert_null(strstr(p.text, "PID"));
	fclose(p.out);
	free(p.text);
}

static void test_info_json(void **state)
{
	struct printed p;

	(void)state;
	info_print_json(print_begin(&p), &machine);
	print_check(&p,
		    "{\"version\":\"1.2.3\",\"abi\":1,\"processors\":4,\"technology\":\"AMD-V\","
		    "\"features\":[\"next_rip\",\"xsave\",\"bit_31\"],\"guest_xcr0\":\"0x7\","
		    "\"boot_ticks\":12345678,\"memory\":{\"ram\":1073741824,\"root\":3145728,"
		    "\"root_unused\":409600,\"donated\":262144,\"mapped\":536870912},"
		    "\"image\":{\"start\":\"0x200000\",\"end\":\"0x246000\"},\"guests\":["
		    "{\"vm\":1,\"vcpus\":2,\"donated\":196608,\"unused\":20480,"
		    "\"mapped\":536870912,\"pid\":812,\"process\":\"q\\\"\\u001b[2Jemu\"},"
		    "{\"vm\":1023,\"vcpus\":64,\"donated\":65536,\"unused\":0,\"mapped\":0}]}\n");
}

static struct stat_row rows[4];
static struct stat_sample sample;

static int make_sample(void **state)
{
	make_machine(state);
	memset(rows, 0, sizeof(rows));
	rows[1].vm = rows[2].vm = rows[3].vm = 1;
	rows[2].index = 1;
	rows[3].index = 2;
	rows[0].stat.count[MULLION_STAT_EXITS] = 5;
	rows[0].stat.count[MULLION_STAT_HYPERCALL] = 5;
	rows[1].stat.count[MULLION_STAT_EXITS] = 1000;
	rows[1].stat.count[MULLION_STAT_IO] = 999;
	rows[1].stat.count[MULLION_STAT_TO_SERVICE] = 999;
	rows[1].stat.last_exit_code = 0x7b;
	rows[1].stat.last_rip = 0xffffffff81000000;
	rows[3].stat.count[MULLION_STAT_EXITS] = 1;
	rows[3].stat.count[MULLION_STAT_HLT] = 1;
	sample = (struct stat_sample){
		.time_ns = 5000000000, .machine = machine, .count = 4, .rows = rows
	};
	return 0;
}

static void test_stat(void **state)
{
	struct printed p;

	(void)state;
	stat_print(print_begin(&p), &sample, NULL, 0);
	print_check(&p, "Service domain\n"
			"                      CPU 0\n"
			"exits                     5\n"
			"  hypercall               5\n"
			"to_service                0\n"
			"\n"
			"VM 1 (q\"\\x1b[2Jemu, PID 812)\n"
			"                        all       vCPU 0       vCPU 1       vCPU 2\n"
			"exits                  1001         1000            0            1\n"
			"  hlt                     1            0            0            1\n"
			"  io                    999          999            0            0\n"
			"to_service              999          999            0            0\n");
}

/* Columns that do not fit stand below, the same rows for each. */
static void test_stat_narrow(void **state)
{
	struct printed p;

	(void)state;
	sample.rows++;
	sample.count--;
	stat_print(print_begin(&p), &sample, NULL, 14 + 3 * 13);
	print_check(&p, "VM 1 (q\"\\x1b[2Jemu, PID 812)\n"
			"                        all       vCPU 0       vCPU 1\n"
			"exits                  1001         1000            0\n"
			"  hlt                     1            0            0\n"
			"  io                    999          999            0\n"
			"to_service              999          999            0\n"
			"                     vCPU 2\n"
			"exits                     1\n"
			"  hlt                     1\n"
			"  io                      0\n"
			"to_service                0\n");
	/* Narrower than a single column: one at a time. */
	stat_print(print_begin(&p), &sample, NULL, 1);
	fclose(p.out);
	assert_non_null(
		strstr(p.text, "                        all\nexits                  1001\n"));
	free(p.text);
}

static void test_stat_rates(void **state)
{
	struct stat_row earlier[2] = { { .vm = 1, .index = 0 }, { .vm = 1, .index = 2 } };
	const struct stat_sample before = { .time_ns = 3000000000, .count = 2, .rows = earlier };
	struct printed p;

	(void)state;
	earlier[0].stat.count[MULLION_STAT_EXITS] = 800;
	earlier[0].stat.count[MULLION_STAT_IO] = 799;
	earlier[0].stat.count[MULLION_STAT_TO_SERVICE] = 999;
	/* Another VM of that number: its vCPU had more exits than this one. */
	earlier[1].stat.count[MULLION_STAT_EXITS] = 500;
	sample.rows++;
	sample.count--;
	stat_print(print_begin(&p), &sample, &before, 0);
	print_check(&p, "VM 1 (q\"\\x1b[2Jemu, PID 812), per second over 2.0 s\n"
			"                        all       vCPU 0       vCPU 1       vCPU 2\n"
			"exits                   101          100            0            1\n"
			"  hlt                     1            0            0            1\n"
			"  io                    100          100            0            0\n"
			"to_service                0            0            0            0\n");
}

static void test_stat_json(void **state)
{
	struct printed p;

	(void)state;
	sample.rows++;
	sample.count = 1;
	stat_print_json(print_begin(&p), &sample);
	print_check(
		&p,
		"{\"time_ns\":5000000000,\"vms\":[{\"vm\":1,\"pid\":812,"
		"\"process\":\"q\\\"\\u001b[2Jemu\",\"vcpus\":[{\"index\":0,\"exits\":1000,"
		"\"cpuid\":0,\"msr_read\":0,\"msr_write\":0,\"hlt\":0,\"hypercall\":0,\"cr\":0,"
		"\"xsetbv\":0,\"invd\":0,\"wbinvd\":0,\"interrupt\":0,\"nmi\":0,\"exception\":0,"
		"\"io\":999,\"memory\":0,\"dr\":0,\"forbidden\":0,\"privileged\":0,\"task_switch\":0,"
		"\"irq_window\":0,\"nmi_window\":0,\"shutdown\":0,\"init_sipi\":0,\"refused\":0,"
		"\"retry\":0,\"unknown\":0,\"to_service\":999,\"last_exit_code\":\"0x7b\","
		"\"last_rip\":\"0xffffffff81000000\"}]}]}\n");
}

static void test_stat_smm(void **state)
{
	struct stat_row row = { .vm = 7, .stat.count[MULLION_STAT_EXITS] = 3 };
	struct printed p;

	(void)state;
	sample.rows = &row;
	sample.count = 1;
	stat_print(print_begin(&p), &sample, NULL, 0);
	print_check(&p, "VM 7 (q, PID 812, system management mode of VM 1)\n"
			"                     vCPU 0\n"
			"exits                     3\n"
			"to_service                0\n");
	stat_print_json(print_begin(&p), &sample);
	fclose(p.out);
	assert_non_null(strstr(p.text, "{\"vm\":7,\"pid\":812,\"process\":\"q\",\"smm_of\":1,"));
	free(p.text);
}

static void check_explained(struct discovery found, int error, uint32_t admin, uint32_t abi,
			    const char *part)
{
	const struct mullion_admin_version version = { .admin = admin, .abi = abi };
	struct printed p;

	assert_int_equal(device_explain(print_begin(&p), &found, error, &version), part != NULL);
	fclose(p.out);
	if (!part) {
		assert_string_equal(p.text, "");
	} else {
		assert_memory_equal(p.text, "mullion: error: ", 16);
		assert_non_null(strstr(p.text, part));
		assert_ptr_equal(strchr(p.text, '\n'), p.text + p.length - 1);
	}
	free(p.text);
}

static void test_explanations(void **state)
{
	const struct discovery ours = { MULLION_SIGNATURE, MULLION_ABI_VERSION };
	const struct discovery newer = { MULLION_SIGNATURE, MULLION_ABI_VERSION + 1 };
	const struct discovery other = { "K\x1bMKVMKVM", 0 }, none = { "", 0 };
	const uint32_t admin = MULLION_ADMIN_VERSION, abi = MULLION_ABI_VERSION;

	(void)state;
	check_explained(ours, 0, admin, abi, NULL);
	check_explained(none, ENOENT, 0, 0, "does not run on Mullion. Boot it");
	check_explained(other, 0, admin, abi, "calls itself 'K\\x1bMKVMKVM'. Boot it");
	check_explained(newer, ENOENT, 0, 0, "speaks version");
	check_explained(ours, ENOENT, 0, 0, "module is not loaded");
	check_explained(ours, EACCES, 0, 0, "run this as root");
	check_explained(ours, EPERM, 0, 0, "run this as root");
	check_explained(ours, EMFILE, 0, 0, strerror(EMFILE));
	check_explained(ours, 0, 0, 0, "Load the module that was built with it");
	check_explained(ours, 0, admin + 1, abi, "Load the module that was built with it");
	check_explained(ours, 0, admin, abi + 1, "Load the module that was built with it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_safe_text),
		cmocka_unit_test(test_stat_names_differ),
		cmocka_unit_test_setup(test_info, make_machine),
		cmocka_unit_test_setup(test_info_without_guests, make_machine),
		cmocka_unit_test_setup(test_info_json, make_machine),
		cmocka_unit_test_setup(test_stat, make_sample),
		cmocka_unit_test_setup(test_stat_narrow, make_sample),
		cmocka_unit_test_setup(test_stat_rates, make_sample),
		cmocka_unit_test_setup(test_stat_json, make_sample),
		cmocka_unit_test_setup(test_stat_smm, make_sample),
		cmocka_unit_test(test_explanations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
