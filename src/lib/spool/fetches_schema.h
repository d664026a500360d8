/* fetches_schema.h - the tables of priors; private to spool. */
#ifndef DF_SPOOL_FETCHES_H
#define DF_SPOOL_FETCHES_H

#include "sql.h"

extern const char df_fetches_schema[];

#endif
