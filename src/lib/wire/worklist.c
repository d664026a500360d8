/*
 * worklist.c - the table of worklist attributes, and items as bytes.
 */
#include "df/worklist.h"

#define END 0xffffu

const struct df_worklist_attr *df_worklist_attribute(enum df_worklist_field f)
{
	static const struct df_worklist_attr rows[] = {
#define X(name, tag, vr, chars, word) {tag, vr, chars, word},
		DF_WORKLIST_MAP(X)
#undef X
	};

	return &rows[f];
}

enum df_err df_worklist_encode(struct df_buf *to,
			       const struct df_worklist_item *item,
			       struct df_why *why)
{
	enum df_err rc = DF_OK;
	uint16_t i;

	for (i = 0; rc == DF_OK && i < DF_WORKLIST_COUNT; i++) {
		if (!item->has[i])
			continue;
		rc = df_buf_u16(to, i);
		if (rc == DF_OK)
			rc = df_buf_u32(to, (uint32_t)item->v[i].len);
		if (rc == DF_OK)
			rc = df_buf_add(to, item->v[i].ptr, item->v[i].len,
					why);
	}
	return rc == DF_OK ? df_buf_u16(to, END) : rc;
}

bool df_worklist_next(struct df_text *rest, struct df_worklist_item *item)
{
	struct df_text left = *rest;

	*item = (struct df_worklist_item){0};
	while (left.len >= 2) {
		const uint8_t *p = (const uint8_t *)left.ptr;
		unsigned field = df_get_u16(p);
		size_t len;

		left = (struct df_text){left.ptr + 2, left.len - 2};
		if (field == END) {
			*rest = left;
			return true;
		}
		if (field >= DF_WORKLIST_COUNT || left.len < 4)
			break;
		len = df_get_u32(p + 2);
		left = (struct df_text){left.ptr + 4, left.len - 4};
		if (len > left.len)
			break;
		item->has[field] = true;
		item->v[field] = (struct df_text){left.ptr, len};
		left = (struct df_text){left.ptr + len, left.len - len};
	}
	return false;
}
