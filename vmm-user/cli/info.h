/* SPDX-License-Identifier: GPL-2.0-only */
/* `mullion info`: the hypervisor, its memory and its guests. */
#ifndef CLI_INFO_H
#define CLI_INFO_H

#include <stdio.h>

#include "device.h"

void info_print(FILE *out, const struct machine *machine);
void info_print_json(FILE *out, const struct machine *machine);

#endif
