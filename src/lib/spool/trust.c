/*
 * trust.c - before anything is opened: does the disk keep what it is given,
 * and is what we shall read on it?
 *
 * An earlier process may have written and failed to sync. Its pages are in the
 * cache, clean, and on no disk; SQLite would take them for committed and build
 * upon them, and a power cut would take both.
 */
#include <fcntl.h>

#include "df/file.h"
#include "paths.h"

static enum df_err probe_dir(int node_dir, const char *name,
			     struct df_why *why)
{
	enum df_err rc;
	int fd = -1;

	rc = df_dir_open(&fd, node_dir, name, why);
	if (rc == DF_E_NOTFOUND)
		return DF_OK; /* not made yet */
	if (rc == DF_OK)
		rc = df_disk_probe(fd, why);
	df_fd_close(&fd);
	return rc;
}

static enum df_err from_disk(int node_dir, const char *name,
			     struct df_why *why)
{
	enum df_err rc;
	int fd = -1;

	rc = df_file_open(&fd, node_dir, name, O_RDWR, 0, why);
	if (rc == DF_E_NOTFOUND)
		return DF_OK;
	if (rc == DF_OK)
		rc = df_fd_from_disk(fd, name, why);
	df_fd_close(&fd);
	return rc;
}

enum df_err df_spool_trust(int node_dir, struct df_why *why)
{
	static const char *const files[] = {"state.db", "state.db-wal",
					    "spool/ledger"};
	enum df_err rc = probe_dir(node_dir, ".", why);

	/* a full disk does not lie */
	if (rc == DF_OK || rc == DF_E_NOSPACE)
		rc = probe_dir(node_dir, "spool", why);
	if (rc == DF_E_NOSPACE)
		rc = DF_OK;
	for (size_t i = 0; rc == DF_OK && i < sizeof files / sizeof *files; i++)
		rc = from_disk(node_dir, files[i], why);
	return rc;
}
