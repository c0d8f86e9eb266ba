// SPDX-License-Identifier: GPL-2.0-only
#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYMBOLS_MAX 1000000 /* a file that has more is not root mode's */

struct symbols {
	size_t count;
	struct symbol *table; /* by start, at most one at each */
	char *names;
	uint64_t image_start, image_end; /* 0: the file does not say */
};

/* A symbol on its way into the table. */
struct candidate {
	struct symbol symbol;
	uint64_t limit;    /* end of its section */
	unsigned int rank; /* which of several at one address to show */
};

struct reader {
	const char *path;
	FILE *errors;
	Elf *elf;
	Elf_Data *symbols, *strings;
	size_t symbol_count;
	struct candidate *candidates;
	size_t candidate_count;
};

__attribute__((format(printf, 2, 3))) static bool bad(const struct reader *r, const char *format,
						      ...)
{
	va_list args;

	if (!r->errors)
		return false;
	fprintf(r->errors, "mullion: error: %s: ", r->path);
	va_start(args, format);
	vfprintf(r->errors, format, args);
	va_end(args);
	fputc('\n', r->errors);
	return false;
}

/* Finds .symtab and its strings. */
static bool find_tables(struct reader *r)
{
	Elf_Scn *section = NULL, *strings;
	GElf_Ehdr header;
	GElf_Shdr symtab = { .sh_type = SHT_NULL }, strtab;

	if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &header))
		return bad(r, "not an ELF file");
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
		return bad(r, "not an ELF file for x86-64");
	while (symtab.sh_type != SHT_SYMTAB) {
		section = elf_nextscn(r->elf, section);
		if (!section)
			return bad(r, "no symbols in it; mullion.elf of the build has them");
		if (!gelf_getshdr(section, &symtab))
			return bad(r, "damaged: %s", elf_errmsg(-1));
	}
	strings = elf_getscn(r->elf, symtab.sh_link);
	if (!strings || !gelf_getshdr(strings, &strtab) || strtab.sh_type != SHT_STRTAB)
		return bad(r, "damaged: its symbols have no names");
	r->symbols = elf_getdata(section, NULL);
	r->strings = elf_getdata(strings, NULL);
	if (!r->symbols || !r->strings || !r->symbols->d_buf || !r->strings->d_buf)
		return bad(r, "damaged: its symbols cannot be read");
	r->symbol_count = r->symbols->d_size / sizeof(Elf64_Sym);
	if (r->symbol_count > SYMBOLS_MAX)
		return bad(r, "it has %zu symbols, more than root mode ever has", r->symbol_count);
	return true;
}

/* The symbol's name, NULL if it is out of the strings or empty. */
static const char *symbol_name(const struct reader *r, const GElf_Sym *sym)
{
	const char *strings = r->strings->d_buf;
	size_t size = r->strings->d_size;

	if (sym->st_name >= size || !strings[sym->st_name] ||
	    !memchr(strings + sym->st_name, '\0', size - sym->st_name))
		return NULL;
	return strings + sym->st_name;
}

/* Whether the symbol stands for code. Those of assembly files often have no type. */
static bool is_code(const struct reader *r, const GElf_Sym *sym, uint64_t *limit)
{
	unsigned int type = GELF_ST_TYPE(sym->st_info);
	Elf_Scn *section = elf_getscn(r->elf, sym->st_shndx);
	GElf_Shdr header;

	if ((type != STT_FUNC && type != STT_NOTYPE) || sym->st_shndx == SHN_UNDEF ||
	    sym->st_shndx >= SHN_LORESERVE || !section || !gelf_getshdr(section, &header))
		return false;
	*limit = header.sh_addr + header.sh_size;
	return header.sh_flags & SHF_EXECINSTR && *limit >= header.sh_addr &&
	       sym->st_value >= header.sh_addr && sym->st_value < *limit;
}

/* Functions before labels, global ones before local ones. */
static unsigned int rank(const GElf_Sym *sym)
{
	return 2 * (GELF_ST_TYPE(sym->st_info) == STT_FUNC) +
	       (GELF_ST_BIND(sym->st_info) != STB_LOCAL);
}

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->symbol.start != y->symbol.start)
		return x->symbol.start < y->symbol.start ? -1 : 1;
	return (x->rank < y->rank) - (x->rank > y->rank);
}

static bool collect(struct reader *r, struct symbols *s)
{
	r->candidates = calloc(r->symbol_count + 1, sizeof(*r->candidates));
	if (!r->candidates)
		return bad(r, "%s", strerror(ENOMEM));
	for (size_t i = 1; i < r->symbol_count; i++) {
		struct candidate *c = &r->candidates[r->candidate_count];
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(r->symbols, (int)i, &sym))
			return bad(r, "damaged: %s", elf_errmsg(-1));
		name = symbol_name(r, &sym);
		if (!name)
			continue;
		if (!strcmp(name, "image_start"))
			s->image_start = sym.st_value;
		else if (!strcmp(name, "image_end"))
			s->image_end = sym.st_value;
		else if (is_code(r, &sym, &c->limit)) {
			c->symbol = (struct symbol){ name, sym.st_value, sym.st_size };
			c->rank = rank(&sym);
			r->candidate_count++;
		}
	}
	qsort(r->candidates, r->candidate_count, sizeof(*r->candidates), compare);
	return true;
}

/* Fills the table; its names still point into the file's strings. */
static void tabulate(const struct reader *r, struct symbols *s)
{
	for (size_t i = 0; i < r->candidate_count; i++) {
		const struct candidate *c = &r->candidates[i];
		size_t next = i + 1;
		uint64_t room = c->limit - c->symbol.start;

		if (s->count && s->table[s->count - 1].start == c->symbol.start)
			continue;
		while (next < r->candidate_count &&
		       r->candidates[next].symbol.start == c->symbol.start)
			next++;
		s->table[s->count] = c->symbol;
		if (!c->symbol.size && next < r->candidate_count &&
		    r->candidates[next].symbol.start < c->limit)
			room = r->candidates[next].symbol.start - c->symbol.start;
		if (!c->symbol.size || c->symbol.size > room)
			s->table[s->count].size = room;
		s->count++;
	}
}

/* Takes the names out of the file's strings. */
static bool keep_names(const struct reader *r, struct symbols *s)
{
	s->names = malloc(r->strings->d_size);
	if (!s->names)
		return bad(r, "%s", strerror(ENOMEM));
	memcpy(s->names, r->strings->d_buf, r->strings->d_size);
	for (size_t i = 0; i < s->count; i++)
		s->table[i].name = s->names + (s->table[i].name - (char *)r->strings->d_buf);
	return true;
}

static bool read_symbols(struct reader *r, struct symbols *s)
{
	if (!r->elf)
		return bad(r, "%s", elf_errmsg(-1));
	if (!find_tables(r) || !collect(r, s))
		return false;
	s->table = calloc(r->candidate_count + 1, sizeof(*s->table));
	if (!s->table)
		return bad(r, "%s", strerror(ENOMEM));
	tabulate(r, s);
	if (!s->count)
		return bad(r, "no functions in it");
	return keep_names(r, s);
}

struct symbols *symbols_open(const char *path, FILE *errors)
{
	struct reader r = { .path = path, .errors = errors };
	struct symbols *s = calloc(1, sizeof(*s));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (!s || fd < 0 || elf_version(EV_CURRENT) == EV_NONE) {
		bad(&r, "%s", strerror(errno));
		free(s);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	/* Read, not mapped: a file that shrinks meanwhile must not end us. */
	r.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!read_symbols(&r, s)) {
		symbols_close(s);
		s = NULL;
	}
	free(r.candidates);
	elf_end(r.elf);
	close(fd);
	return s;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->table);
	free(symbols->names);
	free(symbols);
}

const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address)
{
	const struct symbol *found = NULL;
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->table[middle].start <= address) {
			found = &symbols->table[middle];
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return found && address - found->start < found->size ? found : NULL;
}

bool symbols_match(const struct symbols *symbols, uint64_t image_start, uint64_t image_end)
{
	return symbols->image_start == image_start && symbols->image_end == image_end;
}
