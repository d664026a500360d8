/* commitments_schema.h - the tables of storage commitment; private to spool. */
#ifndef DF_SPOOL_COMMITMENTS_H
#define DF_SPOOL_COMMITMENTS_H

#include "sql.h"

extern const char df_commitments_schema[];

#endif
