// SPDX-License-Identifier: GPL-2.0-only
/* What `mullion doctor` concludes from what it found. */
#include "cli_support.h"

#include <string.h>
#include <unistd.h>

#include "vmm-user/cli/doctor.h"

static const struct doctor_facts amd = {
	.processor = "AuthenticAMD",
	.nx = true,
	.virtualization = true,
	.switched_on = ANSWER_YES,
	.nested_paging = ANSWER_YES,
	.asids = 16,
	.processors = 8,
	.memory_mib = 16384,
	.secure_boot = ANSWER_NO,
	.image = true,
	.menu = true,
	.module_built = true,
	.kernel = "6.1.0-1-amd64",
};

/* A copy of the facts with one thing changed. */
#define WITH(base, change)                                                                         \
	({                                                                                         \
		struct doctor_facts facts = base;                                                  \
		facts.change;                                                                      \
		facts;                                                                             \
	})

static struct doctor_facts intel(void)
{
	struct doctor_facts facts = amd;

	strcpy(facts.processor, "GenuineIntel");
	facts.unrestricted = ANSWER_YES;
	return facts;
}

static struct doctor_facts on_mullion(void)
{
	struct doctor_facts facts = amd;

	facts.on_mullion = facts.module_loaded = true;
	return facts;
}

static void judges(struct doctor_facts facts, bool suitable, const char *text)
{
	struct printed p;
	bool result = doctor_judge(print_begin(&p), &facts);

	fclose(p.out);
	if (result != suitable || !strstr(p.text, text))
		fail_msg("%s, and not '%s', in:\n%s", result ? "suitable" : "unsuitable", text,
			 p.text);
	/* A problem is what makes a machine unsuitable, and nothing else does. */
	assert_int_equal(!strstr(p.text, "PROBLEM"), suitable);
	free(p.text);
}

static void test_suitable(void **state)
{
	(void)state;
	judges(amd, true, "ok       AMD-V with nested paging\n");
	judges(intel(), true, "ok       VT-x with EPT and unrestricted guests\n");
	judges(on_mullion(), true, "ok       this Linux runs on Mullion\n");
	judges(amd, true, "ok       16384 MiB of memory, of which Mullion keeps about 16\n");
	judges(WITH(amd, linux_kvm = true), true, "can run Mullion");
	judges(WITH(amd, rival = "vboxdrv"), true, "note     the module vboxdrv takes");
	judges(WITH(amd, iommu = true), true, "note     the IOMMU");
	judges(WITH(amd, processors = 65), true,
	       "note     65 processors, of which Mullion uses 64");
	judges(WITH(amd, switched_on = ANSWER_UNKNOWN), true, "modprobe msr");
	judges(WITH(intel(), nested_paging = ANSWER_UNKNOWN), true, "Linux does not say");
}

static void test_processors(void **state)
{
	struct doctor_facts guest = WITH(amd, virtualization = false);

	(void)state;
	judges(guest, false, "the processor has no AMD-V (SVM)\n");
	strcpy(guest.hypervisor, "KVMKVMKVM");
	judges(guest, false, "switch on nested virtualization");
	judges(WITH(intel(), virtualization = false), false, "the processor has no VT-x (VMX)\n");
	judges(WITH(amd, switched_on = ANSWER_NO), false, "switch on SVM mode in the firmware");
	judges(WITH(intel(), switched_on = ANSWER_NO), false, "Intel Virtualization Technology");
	judges(WITH(amd, nested_paging = ANSWER_NO), false, "no nested paging (NPT)");
	judges(WITH(amd, asids = 2), false, "(2)");
	judges(WITH(intel(), nested_paging = ANSWER_NO), false, "no nested paging (EPT)");
	judges(WITH(intel(), unrestricted = ANSWER_NO), false, "no unrestricted guests");
	judges(WITH(amd, nx = false), false, "(NX) is missing");
	judges(WITH(amd, memory_mib = 100), false, "100 MiB of memory are too little");
}

static void test_installation(void **state)
{
	struct doctor_facts gone = WITH(amd, virtualization = false);

	(void)state;
	judges(WITH(amd, secure_boot = ANSWER_YES), false, "Secure Boot is on");
	judges(WITH(amd, image = false), false, "install the package mullion");
	judges(WITH(amd, menu = false), false, "update-grub");
	judges(WITH(amd, module_built = false), false, "linux-headers-6.1.0-1-amd64");
	judges(WITH(on_mullion(), module_built = false), false, "no module mullion");
	judges(WITH(on_mullion(), module_loaded = false), false, "modprobe mullion");
	judges(WITH(on_mullion(), linux_kvm = true), false, "modprobe -r");
	judges(WITH(amd, kvm_builtin = true), false, "KVM built in");
	strcpy(gone.missing, "no \x1b[31m");
	judges(gone, false, "went away again: no \\x1b[31m\n");
}

static void test_reason(void **state)
{
	char reason[16];

	(void)state;
	doctor_find_missing(reason, sizeof(reason), "ro quiet mullion.missing=\"no SVM\"\n");
	assert_string_equal(reason, "no SVM");
	doctor_find_missing(reason, sizeof(reason),
			    "mullion.missing=\"longer than there is room\"");
	assert_string_equal(reason, "longer than the");
	doctor_find_missing(reason, sizeof(reason), "mullion.missing=\"cut off");
	assert_string_equal(reason, "cut off");
	doctor_find_missing(reason, sizeof(reason), "ro quiet\n");
	assert_string_equal(reason, "");
}

static void test_file(void **state)
{
	static const char text[] = "flags\t\t: fpu vmx\n"
				   "vmx flags\t: vnmi ept vpid unrestricted_guest\n"
				   "bugs\t\t: spectre_v1";
	char path[] = "/tmp/test_cli_doctor.XXXXXX";
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
	assert_true(doctor_file_says(path, "flags\t\t:", " vmx "));
	assert_true(doctor_file_says(path, "vmx flags", " ept "));
	assert_true(doctor_file_says(path, "vmx flags", " unrestricted_guest "));
	assert_false(doctor_file_says(path, "vmx flags", " vmx "));
	assert_false(doctor_file_says(path, "vmx flags", " unrestricted "));
	assert_true(doctor_file_says(path, "bugs", "spectre_v1"));
	unlink(path);
	assert_false(doctor_file_says(path, "bugs", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suitable),     cmocka_unit_test(test_processors),
		cmocka_unit_test(test_installation), cmocka_unit_test(test_reason),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
