/*
 * association.c - presentation contexts: what may be needed is proposed, each
 * transfer syntax in a context of its own, so that the PACS can say yes to
 * several and we choose: the original first, bit for bit.
 */
#include "deliver.h"

#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define ASK_MS 30000
/* Two cells code some 100 MB/s of pixels as JPEG-LS, a quarter of that in
 * bytes: what carries more, all associations together, is not worth it. */
#define SLOW_BYTES_PER_S 25000000u
#define NEAR_US 2000 /* no farther than the house: slow is the PACS itself */
#define HEAR_MAX 16 /* what is said before we begin; the rest comes later */

/* What was asked for so far: all of it is proposed to the next association, so
 * that a study of several kinds does not open one for each. The first n_open
 * are proposed on the open one. A worker has one. */
static struct df_dimse_context proposed[DF_DIMSE_CONTEXTS_MAX];
static char texts[DF_DIMSE_CONTEXTS_MAX][2][DF_UID_CAP];
static size_t n_proposed, n_open;

/* In the order in which we like them; the original comes before. */
static const char *const fallbacks[] = {DF_TS_EXPLICIT_LE, DF_TS_IMPLICIT_LE,
					DF_TS_JPEG_LS_LOSSLESS};
#define FALLBACKS (sizeof fallbacks / sizeof fallbacks[0])

/* Standard and twice as fast first. */
static const char *const compressed[] = {DF_TS_JPEG_LS_LOSSLESS,
					 DF_TS_JPEG2000_LOSSLESS};
#define COMPRESSED (sizeof compressed / sizeof compressed[0])
#define USES_MAX (1 + COMPRESSED + FALLBACKS)

static bool is_native(const struct item *it)
{
	return strcmp(it->transfer_syntax, DF_TS_EXPLICIT_LE) == 0 ||
	       strcmp(it->transfer_syntax, DF_TS_IMPLICIT_LE) == 0;
}

/* By configuration: may native pixels go out in it? */
static bool is_wished(const struct df_destination *to, size_t i)
{
	switch ((enum df_compress)to->compress) {
	case DF_COMPRESS_AUTO:
		return true;
	case DF_COMPRESS_NO:
		return false;
	case DF_COMPRESS_JPEGLS:
		return compressed[i] == compressed[0];
	case DF_COMPRESS_JPEG2000:
		return compressed[i] == compressed[1];
	}
	df_bug("compress = %d", (int)to->compress);
}

/* The transfer syntaxes of use for an item. smaller: those that compress come
 * first. */
static size_t uses_of(const struct df_destination *to, const struct item *it,
		      bool smaller, const char *uses[USES_MAX])
{
	size_t n = 0, i;

	if (!smaller)
		uses[n++] = it->transfer_syntax;
	for (i = 0; i < COMPRESSED; i++)
		if (is_native(it) && is_wished(to, i))
			uses[n++] = compressed[i];
	if (smaller)
		uses[n++] = it->transfer_syntax;
	for (i = 0; i < FALLBACKS; i++)
		if (strcmp(it->transfer_syntax, fallbacks[i]) != 0 &&
		    df_object_can_transcode(it->transfer_syntax, fallbacks[i]))
			uses[n++] = fallbacks[i];
	return n;
}

/* Among the first n? */
static bool is_proposed(const char *sop_class, const char *syntax, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(proposed[i].sop_class, sop_class) == 0 &&
		    strcmp(proposed[i].transfer_syntax, syntax) == 0)
			return true;
	return false;
}

static bool propose(const char *sop_class, const char *syntax)
{
	char(*t)[DF_UID_CAP];

	if (is_proposed(sop_class, syntax, n_proposed))
		return true;
	if (n_proposed == DF_DIMSE_CONTEXTS_MAX)
		return false;
	t = texts[n_proposed];
	df_str_fmt(t[0], DF_UID_CAP, "%s", sop_class);
	df_str_fmt(t[1], DF_UID_CAP, "%s", syntax);
	proposed[n_proposed].sop_class = t[0];
	proposed[n_proposed].transfer_syntax = t[1];
	n_proposed++;
	return true;
}

/* All contexts of an item, or none of them. */
static bool propose_item(const struct df_destination *to, const struct item *it)
{
	const char *uses[USES_MAX];
	size_t before = n_proposed, n = uses_of(to, it, false, uses), i;
	bool all = true;

	for (i = 0; all && i < n; i++)
		all = propose(it->sop_class, uses[i]);
	if (!all)
		n_proposed = before;
	return all;
}

bool association_covers(const struct deliver *d,
			const struct df_destination *to, const struct item *it)
{
	const char *uses[USES_MAX];
	size_t n = uses_of(to, it, false, uses), i;

	for (i = 0; d->open != NULL && i < n; i++)
		if (!is_proposed(it->sop_class, uses[i], n_open))
			return false;
	return d->open != NULL;
}

/* Is it worth a processor's time to send fewer bytes? */
static bool is_slow(const struct deliver *d, const struct df_destination *to)
{
	struct df_dimse_line line;

	if (to->compress != DF_COMPRESS_AUTO)
		return true; /* somebody has decided */
	/* a centre hands on bit for bit what it got */
	if (df_room_config(d->room)->node.role == DF_NODE_CENTRE)
		return false;
	df_dimse_measure(d->open, &line);
	return line.rtt_us > NEAR_US &&
	       line.bytes_per_s * (uint64_t)to->associations <
		       SLOW_BYTES_PER_S;
}

size_t association_syntaxes(const struct deliver *d,
			    const struct df_destination *to,
			    const struct item *it,
			    const char *syntaxes[SYNTAXES_MAX])
{
	const char *uses[USES_MAX];
	bool smaller = !it->plain && !d->incapable && is_native(it) &&
		       is_slow(d, to);
	size_t n = uses_of(to, it, smaller, uses), taken = 0, i, k;

	for (i = 0; i < n && taken < SYNTAXES_MAX; i++) {
		/* one is in the list twice: compressed, and as a last way */
		for (k = 0; k < taken && strcmp(syntaxes[k], uses[i]) != 0;)
			k++;
		if (k == taken &&
		    df_dimse_accepts(d->open, it->sop_class, uses[i]))
			syntaxes[taken++] = uses[i];
	}
	return taken;
}

/* What a PACS says it commits to goes to queue, and is durable when it gets
 * its answer. */
static uint16_t heard(void *ctx, const struct df_commitment *c)
{
	struct deliver *d = ctx;
	uint64_t status = 0x0110; /* processing failure: it may come again */
	struct df_why why = {0};
	struct df_msg m, reply;
	int fd = -1;
	enum df_err rc = df_room_list_fd(&fd, &c->refs, &why);

	if (rc == DF_OK) {
		df_msg_init(&m, DF_MSG_COMMITMENT_WORD, 0);
		df_msg_put_str(&m, DF_M_DESTINATION, d->open_to);
		df_msg_put_str(&m, DF_M_TRANSACTION, c->transaction);
		rc = df_room_ask(d->room, deliver_queue(d), &m, &fd, 1, ASK_MS,
				 &reply, NULL, NULL, &why);
	}
	if (rc == DF_OK && (reply.type != DF_MSG_COMMITMENT_STATUS ||
			    !df_msg_get_u64(&reply, DF_M_STATUS, &status)))
		df_bug("queue answered the word of a PACS with %s",
		       df_msg_name(reply.type));
	df_log(DF_LOG_INFO, "commitment.word",
	       DF_F_UID("transaction", c->transaction),
	       DF_F_NUM("instances", c->refs.n), DF_F_NUM("status", status));
	return (uint16_t)status;
}

void association_hear(struct deliver *d)
{
	struct df_why why = {0};

	if (d->open != NULL && df_dimse_is_stale(d->open) &&
	    df_dimse_hear(d->open, &why) != DF_OK)
		association_end(d, true); /* it is over */
}

bool association_offers_commitment(const struct deliver *d)
{
	return d->open != NULL && df_dimse_accepts(d->open, DF_COMMITMENT_CLASS,
						   DF_TS_IMPLICIT_LE);
}

/* --- the cap of the hour ---------------------------------------------------
 */

/* With full segments TCP and IP add so much: a cap is what the network sees. */
#define NETWORK_PART 27

static struct {
	const struct df_caps *caps;
	struct df_bucket bucket;
} pacing; /* a capped PACS has one association, so there is one of us */

static size_t pace(void *ctx, size_t want, int64_t *wait_ms)
{
	int64_t now = df_clock_mono_ms();
	size_t n;

	(void)ctx;
	df_bucket_rate(&pacing.bucket,
		       df_caps_rate(pacing.caps,
				    df_time_week_minute(df_clock_wall_ms())),
		       now);
	n = df_bucket_take(&pacing.bucket, want, now, wait_ms);
	df_bucket_owe(&pacing.bucket, n / NETWORK_PART);
	return n;
}

void target_of(const struct deliver *d, const struct df_destination *to,
	       struct df_dimse_target *target)
{
	const struct df_config *cfg = df_room_config(d->room);

	*target = (struct df_dimse_target){
		.host = to->dicom.host,
		.port = to->dicom.port,
		.calling =
			to->calling_ae[0] != 0 ? to->calling_ae : cfg->node.ae,
		.called = to->ae,
		.connect_ms = (int)(cfg->dimse.connect_s * 1000),
		.progress_ms = (int)(cfg->dimse.timeout_s * 1000)};
	if (to->caps.n > 0) {
		target->pace = pace;
		pacing.caps = &to->caps;
	}
}

void association_end(struct deliver *d, bool abort)
{
	if (abort)
		df_dimse_abort(d->open);
	else
		df_dimse_close(d->open);
	d->open = NULL;
	n_open = 0;
}

/* Adds what is needed to what is proposed; forgets what is not when there is
 * no room for both. */
static void propose_all(const struct job *job)
{
	bool fits = false;
	size_t i, pass;

	for (pass = 0; !fits && pass < 2; pass++) {
		if (pass > 0)
			n_proposed = 0;
		if (job->to->commitment != DF_COMMIT_ASK_NO)
			(void)propose(DF_COMMITMENT_CLASS, DF_TS_IMPLICIT_LE);
		for (i = 0, fits = true; fits && i < job->n; i++)
			/* what does not fit waits for another association */
			if (!job->items[i].settled)
				fits = propose_item(job->to, &job->items[i]);
	}
}

enum df_err association_for(struct deliver *d, const struct job *job,
			    struct df_why *why)
{
	struct df_dimse_target target;
	enum df_err rc;
	size_t i;
	bool fits;

	for (i = 0; i < HEAR_MAX; i++)
		association_hear(d);
	fits = d->open != NULL && strcmp(d->open_to, job->to->name) == 0;
	if (fits && job->n == 0)
		fits = is_proposed(DF_COMMITMENT_CLASS, DF_TS_IMPLICIT_LE,
				   n_open);
	for (i = 0; fits && i < job->n; i++)
		if (!job->items[i].settled)
			fits = association_covers(d, job->to, &job->items[i]);
	if (fits)
		return DF_OK;
	association_end(d, false);
	propose_all(job);
	target_of(d, job->to, &target);
	rc = df_dimse_open(&d->open, &target, proposed, n_proposed, why);
	if (rc != DF_OK)
		return rc;
	n_open = n_proposed;
	df_str_fmt(d->open_to, sizeof d->open_to, "%s", job->to->name);
	df_dimse_listen(d->open, heard, d);
	df_log(DF_LOG_INFO, "association.open",
	       DF_F_AE("called", target.called), DF_F_ADDR(target.host),
	       DF_F_NUM("contexts", n_proposed));
	return DF_OK;
}
