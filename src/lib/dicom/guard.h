/*
 * guard.h - exceptions stop here. Every function of our C faces is
 *
 *   extern "C" enum df_err df_x(...)
 *   try { return x(...); } DF_GUARD(why)
 */
#ifndef DF_DICOM_GUARD_H
#define DF_DICOM_GUARD_H

#include <new>

#include "df/err.h"

/*
 * Some of DCMTK takes an element for which there is no memory for one that is
 * not there, or for one that is broken. What was read while memory was short
 * counts for nothing: watch, read, and let `held` have the last word.
 */
void memory_watch();
enum df_err memory_held(enum df_err err, struct df_why *why);

#define DF_GUARD(why)                                                      \
	catch (const std::bad_alloc &)                                     \
	{                                                                  \
		return df_fail(why, DF_E_NOMEM, "out of memory in DCMTK"); \
	}                                                                  \
	catch (...)                                                        \
	{                                                                  \
		return df_fail(why, DF_E_FORMAT, "exception in DCMTK");    \
	}

#endif
