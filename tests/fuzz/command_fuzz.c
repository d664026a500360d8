/*
 * command_fuzz.c - DIMSE command sets and the head of a DICOM file. What was
 * decoded and encoded again must decode to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/lib/dicom/command.h"
#include "df/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct command *c)
{
	struct command again;
	struct df_buf out;

	df_buf_init(&out, COMMAND_MAX);
	if (command_encode(&out, c, NULL) != DF_OK ||
	    command_decode(&again, out.ptr, out.len, NULL) != DF_OK ||
	    again.field != c->field || again.message_id != c->message_id ||
	    again.dataset_type != c->dataset_type ||
	    strcmp(again.sop_class, c->sop_class) != 0 ||
	    strcmp(again.sop_instance, c->sop_instance) != 0)
		abort();
	df_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command c;
	struct df_part10 p;

	if (command_decode(&c, data, size, NULL) == DF_OK)
		round_trip(&c);
	if (df_part10_decode(&p, data, size, NULL) == DF_OK &&
	    p.dataset_at > size)
		abort();
	return 0;
}
