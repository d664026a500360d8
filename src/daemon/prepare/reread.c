/*
 * reread.c - the bytes of an object as the disk gives them back: what memory
 * keeps of them is dropped before and after. No key is needed; whether the sum
 * is the right one is for queue to say.
 */
#include "df/checksum.h"
#include "df/file.h"
#include "prepare.h"

#define PIECE (1u << 20)

enum df_err job_sum(struct job *j, uint64_t length)
{
	struct df_checksum sum;
	struct df_summer summer = {0};
	struct bytes piece;
	enum df_err rc = bytes_new(&piece, PIECE, j->limit_bytes, &j->why);

	if (rc != DF_OK)
		return rc;
	df_summer_init(&summer);
	for (uint64_t at = 0; rc == DF_OK && at < length;) {
		size_t n = length - at < PIECE ? (size_t)(length - at) : PIECE;

		rc = df_pread_all(j->fds[0], piece.ptr, n, at, &j->why);
		if (rc == DF_OK)
			df_summer_update(&summer, piece.ptr, n);
		at += n;
	}
	df_summer_sum(&summer, &sum);
	df_summer_release(&summer);
	bytes_release(&piece);
	if (rc == DF_OK)
		df_msg_put_checksum(&j->done, &sum);
	return rc;
}

enum df_err reread_run(struct job *j)
{
	uint64_t length = 0;
	enum df_err rc = job_fds(j, 1);

	if (rc == DF_OK)
		rc = job_u64(j, j->m, DF_M_LENGTH, &length);
	if (rc == DF_OK)
		rc = df_fd_from_disk(j->fds[0], "an object", &j->why);
	if (rc == DF_OK)
		rc = job_sum(j, length);
	if (rc == DF_OK)
		rc = df_fd_from_disk(j->fds[0], "an object", &j->why);
	return rc;
}
