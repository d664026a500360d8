/*
 * manifest.c - encode and decode of the manifest, see df/manifest.h.
 *
 * Decode reads the fields with their bounds, encodes them again and compares:
 * so there is one text per meaning, and the rules live in encode alone.
 */
#include "df/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "lines.h"

void df_manifest_release(struct df_manifest *m)
{
	free(m->instances);
	free(m->parcels);
	*m = (struct df_manifest){0};
}

/* Room for one more of `size` bytes; the array doubles at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
	if (count >= 16 && (count & (count - 1)) != 0)
		return array;
	if (count != 0 && count < 16)
		return array;
	return df_xrealloc(array, (count ? 2 * count : 16) * size);
}

enum df_err df_manifest_add_instance(struct df_manifest *m,
				     const struct df_manifest_instance *i,
				     struct df_why *why)
{
	if (m->instance_count >= DF_MANIFEST_INSTANCES_MAX)
		return df_fail(why, DF_E_LIMIT, "more than %d instances",
			       DF_MANIFEST_INSTANCES_MAX);
	m->instances = grow(m->instances, m->instance_count, sizeof *i);
	m->instances[m->instance_count++] = *i;
	return DF_OK;
}

enum df_err df_manifest_add_parcel(struct df_manifest *m,
				   const struct df_manifest_parcel *p,
				   struct df_why *why)
{
	if (m->parcel_count >= DF_MANIFEST_PARCELS_MAX)
		return df_fail(why, DF_E_LIMIT, "more than %d parcels",
			       DF_MANIFEST_PARCELS_MAX);
	m->parcels = grow(m->parcels, m->parcel_count, sizeof *p);
	m->parcels[m->parcel_count++] = *p;
	return DF_OK;
}

static int by_uid(const void *a, const void *b)
{
	const struct df_manifest_instance *x = a, *y = b;

	return strcmp(x->sop_instance, y->sop_instance);
}

static int by_sequence(const void *a, const void *b)
{
	const struct df_manifest_parcel *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return 0;
}

static bool reason_valid(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= DF_MANIFEST_REASON_MAX && s[n] == '\0';
}

static enum df_err check_head(const struct df_manifest *m, struct df_why *why)
{
	if (!df_uid_valid(df_text_of(m->study_uid)))
		return df_fail(why, DF_E_FORMAT, "study UID is not a UID");
	if (m->version == 0 ||
	    (m->version == 1) != df_digest_is_zero(&m->previous))
		return df_fail(why, DF_E_FORMAT,
			       "version %u and predecessor disagree",
			       m->version);
	if (!df_hex_valid(&m->clinic_node))
		return df_fail(why, DF_E_FORMAT,
			       "clinic node is not a fingerprint");
	if (m->created_ms < 0 || !reason_valid(m->close_reason))
		return df_fail(why, DF_E_FORMAT,
			       "time or close reason is not valid");
	if (m->instance_count == 0 || m->parcel_count == 0)
		return df_fail(why, DF_E_FORMAT,
			       "names no instance or no parcel");
	return DF_OK;
}

static enum df_err check_lists(const struct df_manifest *m, struct df_why *why)
{
	size_t i;

	for (i = 0; i < m->instance_count; i++) {
		const struct df_manifest_instance *x = &m->instances[i];

		if (!df_uid_valid(df_text_of(x->sop_instance)) ||
		    df_digest_is_zero(&x->digest))
			return df_fail(why, DF_E_FORMAT,
				       "instance %zu is not valid", i);
		if (i > 0 && by_uid(x - 1, x) >= 0)
			return df_fail(why, DF_E_FORMAT,
				       "instance '%s' stands twice",
				       x->sop_instance);
	}
	for (i = 0; i < m->parcel_count; i++) {
		const struct df_manifest_parcel *x = &m->parcels[i];

		if (x->sequence == 0 || df_digest_is_zero(&x->h0))
			return df_fail(why, DF_E_FORMAT,
				       "parcel %zu is not valid", i);
		if (i > 0 && by_sequence(x - 1, x) >= 0)
			return df_fail(why, DF_E_FORMAT,
				       "parcel sequence %" PRIu64
				       " stands twice",
				       x->sequence);
	}
	return DF_OK;
}

static enum df_err add_head(const struct df_manifest *m, struct df_buf *out,
			    struct df_why *why)
{
	char time[DF_TIME_LEN + 1];

	df_time_encode(time, m->created_ms);
	return df_buf_addf(out, why,
			   "dcmf-manifest: 1\n"
			   "study-uid: %s\n"
			   "version: %" PRIu32 "\n"
			   "previous: %s\n"
			   "clinic-node: %s\n"
			   "created: %s\n"
			   "close-reason: %s\n"
			   "instances: %zu\n"
			   "parcels: %zu\n",
			   m->study_uid, m->version, df_ref_of(&m->previous).s,
			   m->clinic_node.s, time, m->close_reason,
			   m->instance_count, m->parcel_count);
}

/* What is already in order, as after decode of a canonical text. */
static enum df_err encode_sorted(const struct df_manifest *m,
				 struct df_buf *out, struct df_why *why)
{
	enum df_err rc = check_head(m, why);
	size_t i;

	if (rc == DF_OK)
		rc = check_lists(m, why);
	if (rc == DF_OK)
		rc = add_head(m, out, why);
	for (i = 0; rc == DF_OK && i < m->instance_count; i++) {
		const struct df_manifest_instance *x = &m->instances[i];

		rc = df_buf_addf(out, why, "instance: %s %s %" PRIu64 "\n",
				 x->sop_instance, df_digest_hex(&x->digest).s,
				 x->size_bytes);
	}
	for (i = 0; rc == DF_OK && i < m->parcel_count; i++) {
		const struct df_manifest_parcel *x = &m->parcels[i];
		char id[33];

		df_hex_encode(id, x->id, sizeof x->id);
		rc = df_buf_addf(
			out, why, "parcel: %s %s %" PRIu64 " %" PRIu64 "\n", id,
			df_digest_hex(&x->h0).s, x->epoch, x->sequence);
	}
	return rc;
}

enum df_err df_manifest_encode(struct df_manifest *m, struct df_buf *out,
			       struct df_why *why)
{
	if (m->instance_count > 0)
		qsort(m->instances, m->instance_count, sizeof *m->instances,
		      by_uid);
	if (m->parcel_count > 0)
		qsort(m->parcels, m->parcel_count, sizeof *m->parcels,
		      by_sequence);
	return encode_sorted(m, out, why);
}

static void take_instance(struct df_lines *l, struct df_manifest *m)
{
	struct df_text v = df_lines_take(l, "instance");
	struct df_text uid = df_lines_split(&v), hex = df_lines_split(&v);
	struct df_manifest_instance x = {0};

	if (df_str_copy(x.sop_instance, sizeof x.sop_instance, uid) != DF_OK ||
	    !df_digest_decode(&x.digest, hex) ||
	    !df_text_u64(v, &x.size_bytes)) {
		df_lines_bad(l, "not an instance");
		return;
	}
	if (l->rc == DF_OK)
		l->rc = df_manifest_add_instance(m, &x, l->why);
}

static void take_parcel(struct df_lines *l, struct df_manifest *m)
{
	struct df_text v = df_lines_take(l, "parcel");
	struct df_text id = df_lines_split(&v), h0 = df_lines_split(&v);
	struct df_text epoch = df_lines_split(&v);
	struct df_manifest_parcel x = {0};

	if (!df_hex_decode(x.id, sizeof x.id, id) ||
	    !df_digest_decode(&x.h0, h0) || !df_text_u64(epoch, &x.epoch) ||
	    !df_text_u64(v, &x.sequence)) {
		df_lines_bad(l, "not a parcel");
		return;
	}
	if (l->rc == DF_OK)
		l->rc = df_manifest_add_parcel(m, &x, l->why);
}

static void take_all(struct df_lines *l, struct df_manifest *m)
{
	uint64_t i, instances, parcels;

	df_lines_word(l, "dcmf-manifest", "1");
	df_lines_uid(l, "study-uid", m->study_uid);
	m->version = (uint32_t)df_lines_u64(l, "version", UINT32_MAX);
	df_lines_digest(l, "previous", &m->previous);
	df_lines_hex(l, "clinic-node", &m->clinic_node);
	m->created_ms = df_lines_time(l, "created");
	if (df_str_copy(m->close_reason, sizeof m->close_reason,
			df_lines_take(l, "close-reason")) != DF_OK)
		df_lines_bad(l, "not a close reason");
	instances = df_lines_u64(l, "instances", DF_MANIFEST_INSTANCES_MAX);
	parcels = df_lines_u64(l, "parcels", DF_MANIFEST_PARCELS_MAX);
	for (i = 0; l->rc == DF_OK && i < instances; i++)
		take_instance(l, m);
	for (i = 0; l->rc == DF_OK && i < parcels; i++)
		take_parcel(l, m);
}

enum df_err df_manifest_decode(struct df_text text, struct df_manifest *m,
			       struct df_why *why)
{
	struct df_buf again;
	struct df_lines l;
	enum df_err rc;

	*m = (struct df_manifest){0};
	df_buf_init(&again, DF_MANIFEST_BYTES_MAX + 1);
	df_lines_init(&l, text, DF_MANIFEST_BYTES_MAX, why);
	take_all(&l, m);
	if (l.rc == DF_OK)
		l.rc = encode_sorted(m, &again, why);
	rc = df_lines_canonical(&l, text, &again);
	df_buf_release(&again);
	return rc;
}

const struct df_manifest_instance *df_manifest_find(const struct df_manifest *m,
						    const char *sop_instance)
{
	struct df_manifest_instance key = {0};

	if (m->instance_count == 0 ||
	    df_str_copy(key.sop_instance, sizeof key.sop_instance,
			df_text_of(sop_instance)) != DF_OK)
		return NULL;
	return bsearch(&key, m->instances, m->instance_count,
		       sizeof *m->instances, by_uid);
}
