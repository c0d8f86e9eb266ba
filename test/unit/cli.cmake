# SPDX-License-Identifier: GPL-2.0-only
# Unit tests of the mullion command: all of it but its main().

find_library(LIBELF elf REQUIRED)
set(cli ${PROJECT_SOURCE_DIR}/vmm-user/cli)
add_library(unit_cli STATIC
	${cli}/device.c ${cli}/dmesg.c ${cli}/doctor.c ${cli}/doctor_facts.c ${cli}/info.c ${cli}/json.c ${cli}/log_lines.c
	${cli}/report.c ${cli}/stat.c ${cli}/stat_print.c ${cli}/symbols.c
	${cli}/symbols_text.c ${cli}/text.c)
target_include_directories(unit_cli PUBLIC ${PROJECT_SOURCE_DIR}/vmm-user/include)
target_compile_definitions(unit_cli PUBLIC _GNU_SOURCE)
target_link_libraries(unit_cli PUBLIC unit_support ${LIBELF})

foreach(name cli_doctor cli_json cli_log cli_print cli_symbols)
	unit_test(${name})
	target_link_libraries(test_${name} PRIVATE unit_cli)
endforeach()

# The manual page, read by groff with all of its warnings.
find_program(GROFF groff)
if(GROFF)
	add_test(NAME unit_cli_manual
		COMMAND sh -c "! ${GROFF} -mandoc -Tutf8 -ww -z ${cli}/mullion.8 2>&1 | grep .")
	set_tests_properties(unit_cli_manual PROPERTIES LABELS unit)
endif()
