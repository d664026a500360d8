/*
 * register_fuzz.c - any bytes as the file `register`: it opens, says what it
 * found, and takes another entry that is there the next time; what stood in it
 * stays as it was.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/file.h"
#include "df/register.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No secret: whoever fuzzes may make records that open. */
static enum df_err seal(void *ctx, struct df_text place, struct df_text v,
			struct df_buf *out, struct df_why *why)
{
	(void)ctx, (void)place; /* toys */
	return df_buf_add(out, v.ptr, v.len, why);
}

static const struct df_column_cipher cipher = {NULL, seal, seal, NULL};

static enum df_err count(void *ctx, const struct df_register_entry *e)
{
	uint64_t *n = ctx;

	if (e->kind.len > DF_REGISTER_KIND_MAX)
		df_bug("a kind is too long");
	++*n;
	return DF_OK;
}

static struct df_register *open_it(int dir)
{
	struct df_register *r;

	return df_register_open(&r, dir, &cipher, NULL) == DF_OK ? r : NULL;
}

/* Made once; the last file of it stays behind. */
static int home(void)
{
	static char path[] = "/dev/shm/df-register-fuzz-XXXXXX";
	static int dir = -1;

	if (dir < 0 && (mkdtemp(path) == NULL ||
			df_dir_open(&dir, AT_FDCWD, path, NULL) != DF_OK))
		df_bug("no directory to work in");
	return dir;
}

static void spill(int dir, const uint8_t *data, size_t size)
{
	int fd = -1;

	if (df_file_open(&fd, dir, DF_REGISTER_FILE,
			 O_WRONLY | O_CREAT | O_TRUNC, 0600, NULL) != DF_OK ||
	    df_write_all(fd, data, size, NULL) != DF_OK)
		df_bug("no file to work on");
	df_fd_close(&fd);
}

static void same_still(int dir, const uint8_t *data, size_t size)
{
	struct df_buf b;

	df_buf_init(&b, 1u << 24);
	if (df_file_read(dir, DF_REGISTER_FILE, 1u << 24, &b, NULL) != DF_OK ||
	    b.len < size || (size > 0 && memcmp(b.ptr, data, size) != 0))
		df_bug("what stood in the file has changed");
	df_buf_release(&b);
}

/* How many entries there are, read from number `from` on. */
static uint64_t entries(struct df_register *r, uint64_t from)
{
	uint64_t n = 0, forged = 0;

	if (df_register_read(r, from, count, &n, &forged, NULL) != DF_OK)
		df_bug("what opened cannot be read");
	return n + forged;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_register *r;
	uint64_t before, seq;
	int dir = home();

	if (size > 1u << 20)
		return 0;
	spill(dir, data, size);
	r = open_it(dir);
	if (r == NULL)
		return 0;
	before = df_register_account(r)->entries;
	if (entries(r, 1) != before)
		df_bug("not all entries are read");
	if (df_register_append(r, "audit", 1, df_text_of("{}"), &seq, NULL) !=
	    DF_OK)
		df_bug("nothing can be added");
	df_register_close(r);
	same_still(dir, data, size);
	r = open_it(dir);
	if (r == NULL || df_register_account(r)->entries != before + 1 ||
	    df_register_account(r)->last != seq || entries(r, seq) != 1)
		df_bug("what was added is not there");
	df_register_close(r);
	return 0;
}
