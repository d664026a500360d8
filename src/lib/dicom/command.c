/*
 * command.c - see command.h. Untrusted bytes: every length is checked against
 * what is left, every text against its rules, nothing is allocated by a peer's
 * number.
 */
#include "command.h"

#include <string.h>

#include "df/str.h"

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | (p[1] << 8));
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | ((uint32_t)le16(p + 2) << 16);
}

/* Padding of UI (NUL) and of text (space) goes; writers mix them up. */
static void take_uid(char to[DF_UID_CAP], struct df_text t)
{
	if (!df_uid_valid(t) || df_str_copy(to, DF_UID_CAP, t) != DF_OK)
		to[0] = 0;
}

static void take_comment(char to[65], struct df_text t)
{
	size_t i;

	for (i = 0; i < t.len && i < 64; i++)
		to[i] = t.ptr[i] >= ' ' && t.ptr[i] < 127 ? t.ptr[i] : '?';
	to[i] = 0;
}

static enum df_err take(struct command *c, uint16_t element, const uint8_t *ptr,
			size_t len, struct df_why *why)
{
	struct df_text t =
		df_text_trim((struct df_text){(const char *)ptr, len});
	bool number = element == 0x0100 || element == 0x0110 ||
		      element == 0x0120 || element == 0x0800 ||
		      element == 0x0900 || element == 0x1002 ||
		      element == 0x1008;

	if (number && len != 2)
		return df_fail(why, DF_E_FORMAT,
			       "command element (0000,%04x) is not 2 bytes",
			       element);
	switch (element) {
	case 0x0002: /* affected, requested SOP class */
	case 0x0003:
		take_uid(c->sop_class, t);
		break;
	case 0x0100:
		c->field = le16(ptr);
		break;
	case 0x0110:
	case 0x0120:
		c->message_id = le16(ptr);
		break;
	case 0x0800:
		c->dataset_type = le16(ptr);
		break;
	case 0x0900:
		c->status = le16(ptr);
		break;
	case 0x0902:
		take_comment(c->comment, t);
		break;
	case 0x1000: /* affected, requested SOP instance */
	case 0x1001:
		take_uid(c->sop_instance, t);
		break;
	case 0x1002: /* event type, action type */
	case 0x1008:
		c->type = le16(ptr);
		break;
	case 0x1030:
		if (!df_ae_valid(t) ||
		    df_str_copy(c->move_originator, DF_AE_CAP, t) != DF_OK)
			c->move_originator[0] = 0;
		break;
	default:
		break;
	}
	return DF_OK;
}

enum df_err command_decode(struct command *c, const uint8_t *ptr, size_t len,
			   struct df_why *why)
{
	size_t at = 0;
	bool field = false;

	memset(c, 0, sizeof *c);
	c->dataset_type = COMMAND_NO_DATASET;
	while (at < len) {
		uint16_t element;
		uint32_t size;
		enum df_err rc;

		if (len - at < 8)
			return df_fail(why, DF_E_FORMAT,
				       "command set ends inside an element");
		element = le16(ptr + at + 2);
		size = le32(ptr + at + 4);
		if (le16(ptr + at) != 0)
			return df_fail(why, DF_E_FORMAT,
				       "command set holds group %04x",
				       le16(ptr + at));
		at += 8;
		if (size > len - at)
			return df_fail(why, DF_E_FORMAT,
				       "command element (0000,%04x) is longer "
				       "than its message",
				       element);
		rc = take(c, element, ptr + at, size, why);
		if (rc != DF_OK)
			return rc;
		field = field || element == 0x0100;
		at += size;
	}
	if (!field)
		return df_fail(why, DF_E_FORMAT,
			       "command set without command field");
	return DF_OK;
}

/* --- encoding: the buffer is ours and small, so a failure is a limit -------
 */

struct writer {
	struct df_buf *out;
	enum df_err err;
	struct df_why *why;
};

static void put(struct writer *w, uint16_t element, const void *ptr, size_t len,
		uint8_t pad)
{
	size_t even = len + (len & 1);
	uint8_t head[8] = {0};

	if (w->err != DF_OK)
		return;
	head[2] = (uint8_t)element;
	head[3] = (uint8_t)(element >> 8);
	head[4] = (uint8_t)even;
	head[5] = (uint8_t)(even >> 8);
	w->err = df_buf_add(w->out, head, sizeof head, w->why);
	if (w->err == DF_OK)
		w->err = df_buf_add(w->out, ptr, len, w->why);
	if (w->err == DF_OK && (len & 1) != 0)
		w->err = df_buf_add(w->out, &pad, 1, w->why);
}

static void put_u16(struct writer *w, uint16_t element, uint16_t v)
{
	uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	put(w, element, b, 2, 0);
}

static void put_text(struct writer *w, uint16_t element, const char *s,
		     uint8_t pad)
{
	if (s[0] != 0)
		put(w, element, s, strlen(s), pad);
}

enum df_err command_encode(struct df_buf *out, const struct command *c,
			   struct df_why *why)
{
	struct writer w = {out, DF_OK, why};
	bool response = (c->field & 0x8000) != 0;
	bool requested = c->field == COMMAND_N_ACTION_RQ;
	uint8_t zero[4] = {0};
	size_t len;

	df_buf_clear(out);
	put(&w, 0x0000, zero, 4, 0); /* group length, filled in below */
	put_text(&w, requested ? 0x0003 : 0x0002, c->sop_class, 0);
	put_u16(&w, 0x0100, c->field);
	put_u16(&w, response ? 0x0120 : 0x0110, c->message_id);
	if (c->field == COMMAND_C_STORE_RQ)
		put_u16(&w, 0x0700, 0); /* priority: medium */
	put_u16(&w, 0x0800, c->dataset_type);
	if (response) {
		put_u16(&w, 0x0900, c->status);
		put_text(&w, 0x0902, c->comment, ' ');
	}
	put_text(&w, requested ? 0x1001 : 0x1000, c->sop_instance, 0);
	if (c->type != 0)
		put_u16(&w,
			(c->field & 0x7fff) == COMMAND_N_ACTION_RQ ? 0x1008
								   : 0x1002,
			c->type);
	if (w.err != DF_OK)
		return w.err;
	len = out->len - 12;
	out->ptr[8] = (uint8_t)len;
	out->ptr[9] = (uint8_t)(len >> 8);
	return DF_OK;
}
