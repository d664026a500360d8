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
