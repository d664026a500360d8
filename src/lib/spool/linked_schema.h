/* linked_schema.h - the table of linked studies; private to spool. */
#ifndef DF_SPOOL_LINKED_H
#define DF_SPOOL_LINKED_H

#include "sql.h"

extern const char df_linked_schema[];

#endif
