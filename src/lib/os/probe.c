/*
 * probe.c - is this disk still one that keeps what it is given?
 *
 * A failed write-back is reported once and the pages are gone, so nothing that
 * is in the cache proves anything: the file is read from the disk itself.
 */
#include <fcntl.h>
#include <string.h>

#include "df/file.h"
#include "df/str.h"
#include "df/sys.h"

#define PROBE_NAME ".probe"
#define PROBE_LEN 4096

static enum df_err compare(int fd, const uint8_t *wanted, struct df_why *why)
{
	uint8_t found[PROBE_LEN];
	enum df_err err;

	err = df_fd_from_disk(fd, PROBE_NAME, why);
	if (err == DF_OK)
		err = df_pread_all(fd, found, sizeof found, 0, why);
	if (err == DF_OK && memcmp(found, wanted, sizeof found) != 0)
		err = df_fail(why, DF_E_CORRUPT,
			      "the disk gives back other bytes than were "
			      "written");
	return err;
}

enum df_err df_disk_probe(int dir, struct df_why *why)
{
	uint8_t bytes[PROBE_LEN];
	enum df_err err;
	int fd = -1;

	df_random(bytes, sizeof bytes); /* never those of an earlier probe */
	err = df_file_remove(dir, PROBE_NAME, why);
	if (err == DF_OK)
		err = df_file_open(&fd, dir, PROBE_NAME,
				   O_RDWR | O_CREAT | O_EXCL, 0600, why);
	if (err != DF_OK)
		return err;
	err = df_write_all(fd, bytes, sizeof bytes, why);
	if (err == DF_OK)
		err = df_dir_sync(dir, PROBE_NAME, why);
	if (err == DF_OK)
		err = compare(fd, bytes, why);
	(void)df_sys.unlinkat(dir, PROBE_NAME, 0); /* or the next probe does */
	df_fd_close(&fd);
	return err;
}
