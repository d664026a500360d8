/*
 * pages_sql.c - runs SQL on a database whose pages carry checksums, for tests
 * that make a stopped node's rows wrong, or look at them: rows are printed with
 * a bar between their columns. pages_sql DATABASE SQL...
 */
#include <stdio.h>

#include "df/pages.h"

static int print(void *ctx, int n, char **values, char **names)
{
	(void)ctx, (void)names;
	for (int i = 0; i < n; i++)
		(void)printf("%s%s", i > 0 ? "|" : "",
			     values[i] != NULL ? values[i] : "-");
	(void)putchar('\n'); /* a test sees what is missing */
	return 0;
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	char *why = NULL;
	int rc = argc < 3 ? SQLITE_MISUSE : df_pages_open(&db, argv[1]);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL,
				  NULL, NULL);
	for (int i = 2; rc == SQLITE_OK && i < argc; i++)
		rc = sqlite3_exec(db, argv[i], print, NULL, &why);
	if (rc != SQLITE_OK)
		(void)fprintf(stderr, "pages_sql: %s\n",
			      why != NULL ? why : sqlite3_errstr(rc));
	sqlite3_free(why);
	(void)sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : 1;
}
