/* content.c - does an object still hold the bytes that were put into it? */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "paths.h"

#define PIECE (1u << 18)

enum df_err df_spool_checksum(int fd, uint64_t dfenv_len,
			      struct df_checksum *sum, struct df_why *why)
{
	struct df_summer s = {0};
	uint8_t *piece = df_xmalloc(PIECE);
	enum df_err rc = DF_OK;
	uint64_t at = 0;

	df_summer_init(&s);
	while (rc == DF_OK && at < dfenv_len) {
		size_t n = dfenv_len - at < PIECE ? (size_t)(dfenv_len - at)
						  : PIECE;

		rc = df_pread_all(fd, piece, n, at, why);
		if (rc == DF_OK)
			df_summer_update(&s, piece, n);
		at += n;
	}
	df_summer_sum(&s, sum);
	df_summer_release(&s);
	free(piece);
	return rc;
}

enum df_err df_spool_content(int fd, const struct df_envelope *env,
			     uint64_t dfenv_len, struct df_why *why)
{
	struct df_checksum sum;
	enum df_err rc = df_spool_checksum(fd, dfenv_len, &sum, why);

	if (rc == DF_OK && !df_checksum_same(&sum, &env->checksum))
		rc = df_fail(why, DF_E_CORRUPT,
			     "object '%s' does not match its checksum",
			     env->id.s);
	return rc;
}

enum df_err df_spool_whole(const struct df_spool *sp, const struct df_id *id,
			   struct df_why *why)
{
	struct df_envelope env = {0};
	uint64_t dfenv_len;
	int fd = -1;
	enum df_err rc = df_spool_object(sp, id, &fd, why);

	if (rc == DF_OK)
		rc = df_spool_envelope(fd, &env, &dfenv_len, NULL, why);
	if (rc == DF_OK && strcmp(env.id.s, id->s) != 0)
		rc = df_fail(why, DF_E_CORRUPT, "it bears another's name");
	if (rc == DF_OK)
		rc = df_spool_content(fd, &env, dfenv_len, why);
	df_envelope_release(&env);
	df_fd_close(&fd);
	return rc;
}
