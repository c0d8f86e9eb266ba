// SPDX-License-Identifier: GPL-2.0-only
#include "cli_support.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm-user/cli/dmesg.h"
#include "vmm-user/cli/symbols.h"

#define TEXT 0x200000
#define TEXT_SIZE 0x1000
#define DATA (TEXT + TEXT_SIZE)
#define IMAGE_END 0x246000

/* The file: header, five section headers, symbols, their names. */
enum section { NONE, TEXT_SECTION, DATA_SECTION, SYMBOLS, STRINGS, SECTIONS };

#define NAMES                                                                                      \
	"\0image_start\0image_end\0first\0label\0second\0alias\0sizeless\0last\0data\0absolute"

static size_t name_at(const char *name)
{
	static const char names[] = NAMES;
	size_t offset = 1;

	while (strcmp(names + offset, name) != 0) {
		offset += strlen(names + offset) + 1;
		assert_true(offset < sizeof(names));
	}
	return offset;
}

static struct file {
	Elf64_Ehdr header;
	Elf64_Shdr sections[SECTIONS];
	Elf64_Sym symbols[16];
	char names[sizeof(NAMES)];
} file;

static unsigned int symbol_count;

/* A file in memory: thousands are tried. */
static int file_fd;
static char path[32];

static void add_symbol(const char *name, unsigned char info, uint16_t section, uint64_t value,
		       uint64_t size)
{
	file.symbols[symbol_count++] = (Elf64_Sym){ .st_name = (Elf64_Word)name_at(name),
						    .st_info = info,
						    .st_shndx = section,
						    .st_value = value,
						    .st_size = size };
}

static int make_file(void **state)
{
	const unsigned char function = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
	const unsigned char label = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
	const unsigned char local = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);

	(void)state;
	memset(&file, 0, sizeof(file));
	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_ident[EI_VERSION] = EV_CURRENT;
	file.header.e_type = ET_EXEC;
	file.header.e_machine = EM_X86_64;
	file.header.e_version = EV_CURRENT;
	file.header.e_ehsize = sizeof(file.header);
	file.header.e_shoff = offsetof(struct file, sections);
	file.header.e_shentsize = sizeof(Elf64_Shdr);
	file.header.e_shnum = SECTIONS;
	file.header.e_shstrndx = STRINGS;
	file.sections[TEXT_SECTION] = (Elf64_Shdr){ .sh_type = SHT_NOBITS,
						    .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
						    .sh_addr = TEXT,
						    .sh_size = TEXT_SIZE };
	file.sections[DATA_SECTION] = (Elf64_Shdr){ .sh_type = SHT_NOBITS,
						    .sh_flags = SHF_ALLOC | SHF_WRITE,
						    .sh_addr = DATA,
						    .sh_size = 0x1000 };
	file.sections[STRINGS] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
					       .sh_offset = offsetof(struct file, names),
					       .sh_size = sizeof(file.names),
					       .sh_addralign = 1 };
	symbol_count = 1;
	/* Not in order, as in real files. */
	add_symbol("second", function, TEXT_SECTION, TEXT + 0x200, 0x40);
	add_symbol("alias", local, TEXT_SECTION, TEXT + 0x200, 0x40);
	add_symbol("image_start", label, TEXT_SECTION, TEXT, 0);
	add_symbol("first", function, TEXT_SECTION, TEXT, 0x100);
	add_symbol("label", label, TEXT_SECTION, TEXT, 0);
	add_symbol("sizeless", label, TEXT_SECTION, TEXT + 0x300, 0);
	add_symbol("last", label, TEXT_SECTION, TEXT + 0xf00, 0);
	add_symbol("data", ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), DATA_SECTION, DATA, 8);
	add_symbol("image_end", label, SHN_ABS, IMAGE_END, 0);
	add_symbol("absolute", label, SHN_ABS, TEXT + 0x800, 0);
	file.sections[SYMBOLS] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
					       .sh_offset = offsetof(struct file, symbols),
					       .sh_size = symbol_count * sizeof(Elf64_Sym),
					       .sh_link = STRINGS,
					       .sh_info = 1,
					       .sh_addralign = 8,
					       .sh_entsize = sizeof(Elf64_Sym) };
	memcpy(file.names, NAMES, sizeof(NAMES));
	return 0;
}

static int make_path(void **state)
{
	(void)state;
	file_fd = memfd_create("test_cli_symbols", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	return file_fd < 0 ? -1 : 0;
}

static int close_path(void **state)
{
	(void)state;
	return close(file_fd);
}

static struct symbols *open_bytes(const void *bytes, size_t length, FILE *errors)
{
	assert_int_equal(ftruncate(file_fd, 0), 0);
	assert_int_equal(pwrite(file_fd, bytes, length, 0), length);
	return symbols_open(path, errors);
}

static struct symbols *open_file(void)
{
	struct symbols *symbols = open_bytes(&file, sizeof(file), stderr);

	assert_non_null(symbols);
	return symbols;
}

static void check(const struct symbols *symbols, uint64_t address, const char *name, uint64_t start,
		  uint64_t size)
{
	const struct symbol *symbol = symbols_find(symbols, address);

	assert_non_null(symbol);
	assert_string_equal(symbol->name, name);
	assert_int_equal(symbol->start, start);
	assert_int_equal(symbol->size, size);
}

static void test_find(void **state)
{
	struct symbols *symbols = open_file();

	(void)state;
	assert_null(symbols_find(symbols, 0));
	assert_null(symbols_find(symbols, TEXT - 1));
	check(symbols, TEXT, "first", TEXT, 0x100);
	check(symbols, TEXT + 0xff, "first", TEXT, 0x100);
	assert_null(symbols_find(symbols, TEXT + 0x100));
	check(symbols, TEXT + 0x200, "second", TEXT + 0x200, 0x40);
	/* Without a size: up to the next symbol, or to the end of the section. */
	check(symbols, TEXT + 0xeff, "sizeless", TEXT + 0x300, 0xc00);
	check(symbols, TEXT + 0xfff, "last", TEXT + 0xf00, 0x100);
	assert_null(symbols_find(symbols, DATA));
	assert_null(symbols_find(symbols, UINT64_MAX));
	symbols_close(symbols);
}

static void test_match(void **state)
{
	struct symbols *symbols = open_file();

	(void)state;
	assert_true(symbols_match(symbols, TEXT, IMAGE_END));
	assert_false(symbols_match(symbols, TEXT, IMAGE_END + 0x1000));
	assert_false(symbols_match(symbols, 0, IMAGE_END));
	symbols_close(symbols);
}

/* A size that leaves the section, or the address space, is cut. */
static void test_excessive_size(void **state)
{
	struct symbols *symbols;

	(void)state;
	file.symbols[1].st_size = UINT64_MAX;
	symbols = open_file();
	check(symbols, TEXT + 0x200, "second", TEXT + 0x200, TEXT_SIZE - 0x200);
	symbols_close(symbols);
}

static void check_text(const struct symbols *symbols, const char *text, const char *expected)
{
	struct printed p;

	symbols_print_text(symbols, print_begin(&p), text, strlen(text));
	print_check(&p, expected);
}

static void test_text(void **state)
{
	struct symbols *symbols = open_file();

	(void)state;
	check_text(symbols, "exception 14 in root mode at 200010 cr2 200020",
		   "exception 14 in root mode at 200010 <first+0x10/0x100> cr2 200020");
	check_text(symbols, "  called from 0x200210", "  called from 0x200210 <second+0x10/0x40>");
	/* A call at the very end of a function returns to just past it. */
	check_text(symbols, "called from 200100", "called from 200100 <first+0x100/0x100>");
	check_text(symbols, "in root mode at 200100", "in root mode at 200100");
	check_text(symbols, "called from 200000", "called from 200000");
	check_text(symbols, "called from 0000000000200001, called from 200201.",
		   "called from 0000000000200001 <first+0x1/0x100>, called from 200201 "
		   "<second+0x1/0x40>.");
	/* Numbers of others, and what is none. */
	check_text(symbols, "rip 0000000000200010 at 200010", "rip 0000000000200010 at 200010");
	check_text(symbols, "called from ", "called from ");
	check_text(symbols, "called from 0x", "called from 0x");
	check_text(symbols, "called from 00000000000200010", "called from 00000000000200010");
	check_text(symbols, "\x1b called from 0", "\\x1b called from 0");
	check_text(NULL, "called from 200010", "called from 200010");
	symbols_close(symbols);
}

static void test_json(void **state)
{
	static const char line[] = "mullion: error:   called from 200011";
	struct printed p;
	struct dmesg_output output = { .symbols = open_file(), .json.out = print_begin(&p) };

	(void)state;
	dmesg_line_json(&output, 7, line, sizeof(line) - 1);
	print_check(&p, "{\"position\":7,\"level\":\"error\",\"text\":\"  called from 200011\","
			"\"symbols\":[{\"address\":\"0x200011\",\"function\":\"first\","
			"\"offset\":17,\"size\":256}]}\n");
	symbols_close(output.symbols);
}

static void check_refused(const void *bytes, size_t length, const char *why)
{
	struct printed p;

	assert_null(open_bytes(bytes, length, print_begin(&p)));
	fclose(p.out);
	assert_non_null(strstr(p.text, why));
	free(p.text);
}

static void test_refused(void **state)
{
	struct printed p;

	(void)state;
	check_refused("", 0, "not an ELF file");
	check_refused("text", 4, "not an ELF file");
	file.header.e_machine = EM_AARCH64;
	check_refused(&file, sizeof(file), "not an ELF file for x86-64");
	make_file(NULL);
	file.sections[SYMBOLS].sh_type = SHT_DYNSYM;
	check_refused(&file, sizeof(file), "no symbols");
	make_file(NULL);
	file.sections[SYMBOLS].sh_link = TEXT_SECTION;
	check_refused(&file, sizeof(file), "no names");
	make_file(NULL);
	file.sections[SYMBOLS].sh_link = 1000;
	check_refused(&file, sizeof(file), "no names");
	make_file(NULL);
	file.sections[SYMBOLS].sh_size = UINT64_MAX / 24 * 24;
	check_refused(&file, sizeof(file), "damaged");
	make_file(NULL);
	file.sections[TEXT_SECTION].sh_flags = SHF_ALLOC;
	check_refused(&file, sizeof(file), "no functions");
	assert_null(symbols_open("/nonexistent", print_begin(&p)));
	fclose(p.out);
	assert_non_null(strstr(p.text, "/nonexistent: No such file"));
	free(p.text);
}

/* Names that run out of the strings, or are not ended there, are no names. */
static void test_bad_names(void **state)
{
	struct symbols *symbols;

	(void)state;
	file.symbols[1].st_name = sizeof(NAMES);
	file.symbols[2].st_name = UINT32_MAX;
	file.symbols[6].st_name = (Elf64_Word)name_at("absolute");
	file.sections[STRINGS].sh_size = name_at("absolute") + 3;
	symbols = open_file();
	assert_null(symbols_find(symbols, TEXT + 0x200));
	assert_null(symbols_find(symbols, TEXT + 0x300));
	check(symbols, TEXT, "first", TEXT, 0x100);
	symbols_close(symbols);
}

/* Opens what may be broken: refused, or all that is found in it is sound. */
static void try_bytes(const void *bytes, size_t length)
{
	struct symbols *symbols = open_bytes(bytes, length, NULL);

	if (!symbols)
		return;
	for (uint64_t address = TEXT - 0x10; address < DATA + 0x10; address += 0x10) {
		const struct symbol *symbol = symbols_find(symbols, address);

		if (!symbol)
			continue;
		assert_true(strlen(symbol->name) > 0);
		assert_true(address - symbol->start < symbol->size);
	}
	symbols_close(symbols);
}

static void test_truncated(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(file); length++)
		try_bytes(&file, length);
}

static void test_damaged(void **state)
{
	static const unsigned char values[] = { 0x00, 0x7f, 0xff };
	unsigned char bytes[sizeof(file)];

	(void)state;
	for (size_t i = 0; i < offsetof(struct file, names); i++) {
		for (size_t k = 0; k < sizeof(values); k++) {
			memcpy(bytes, &file, sizeof(file));
			bytes[i] = values[k];
			try_bytes(bytes, sizeof(bytes));
		}
	}
	random_seed(1);
	for (unsigned int n = 0; n < 2000; n++) {
		memcpy(bytes, &file, sizeof(file));
		for (unsigned int k = 0; k < 4; k++) {
			size_t at = random_next() % sizeof(bytes);

			/* Not what makes it an ELF file: those are tried above. */
			bytes[at < EI_NIDENT ? EI_NIDENT : at] = (unsigned char)random_next();
		}
		try_bytes(bytes, sizeof(bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_find, make_file),
		cmocka_unit_test_setup(test_match, make_file),
		cmocka_unit_test_setup(test_excessive_size, make_file),
		cmocka_unit_test_setup(test_text, make_file),
		cmocka_unit_test_setup(test_json, make_file),
		cmocka_unit_test_setup(test_refused, make_file),
		cmocka_unit_test_setup(test_bad_names, make_file),
		cmocka_unit_test_setup(test_truncated, make_file),
		cmocka_unit_test_setup(test_damaged, make_file),
	};

	return cmocka_run_group_tests(tests, make_path, close_path);
}
