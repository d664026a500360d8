/* list_fd.c - lists of instances between rooms, in sealed memory. */
#include "df/file.h"
#include "df/room.h"

enum df_err df_room_list_fd(int *fd, const struct df_references *l,
			    struct df_why *why)
{
	struct df_buf text;
	enum df_err rc;

	*fd = -1;
	df_buf_init(&text, DF_REFERENCES_TEXT_MAX);
	rc = df_references_encode(&text, l, why);
	if (rc == DF_OK)
		rc = df_memfd_new(fd, "list", why);
	if (rc == DF_OK)
		rc = df_write_all(*fd, text.ptr, text.len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	if (rc != DF_OK)
		df_fd_close(fd);
	df_buf_release(&text);
	return rc;
}

enum df_err df_room_list_read(struct df_references *l, int fd,
			      struct df_why *why)
{
	struct df_buf text;
	uint64_t size = 0;
	enum df_err rc = df_fd_size(fd, &size, why);

	*l = (struct df_references){0};
	df_buf_init(&text, DF_REFERENCES_TEXT_MAX);
	if (rc == DF_OK && size > DF_REFERENCES_TEXT_MAX)
		rc = df_fail(why, DF_E_LIMIT, "a list is too long");
	if (rc == DF_OK)
		rc = df_buf_reserve(&text, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, text.ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		rc = df_references_decode(
			l,
			(struct df_text){(const char *)text.ptr, (size_t)size},
			why);
	df_buf_release(&text);
	return rc;
}
