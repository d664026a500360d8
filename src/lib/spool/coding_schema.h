/* coding_schema.h - the table of how studies were coded; private to spool. */
#ifndef DF_SPOOL_CODING_H
#define DF_SPOOL_CODING_H

#include "sql.h"

extern const char df_coding_schema[];

#endif
