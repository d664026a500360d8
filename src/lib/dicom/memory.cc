/* memory.cc - memory that was not there: see guard.h. */
#include "guard.h"

static bool was_short;

static void fall_short()
{
	was_short = true;
	throw std::bad_alloc();
}

void memory_watch()
{
	(void)std::set_new_handler(fall_short);
	was_short = false;
}

enum df_err memory_held(enum df_err err, struct df_why *why)
{
	return was_short ? df_fail(why, DF_E_NOMEM, "out of memory in DCMTK")
			 : err;
}
