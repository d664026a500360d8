/*
 * log.h - logfmt lines on standard error, one event a line, typed fields.
 *
 * There is no field for free text from a peer, so patient data cannot be
 * logged by accident: identifiers of ours, UIDs, AE titles (escaped), errors,
 * numbers, addresses and constant words only.
 *
 *   df_log(DF_LOG_INFO, "instance.received", DF_F_ID(&id), DF_F_BYTES(n));
 */
#ifndef DF_LOG_H
#define DF_LOG_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_log_level { DF_LOG_DEBUG, DF_LOG_INFO, DF_LOG_WARN, DF_LOG_ERROR };

enum df_log_kind {
	DF_LOG_END,
	DF_LOG_WORD, /* constant text of ours */
	DF_LOG_TEXT, /* UID, AE title, address: escaped, cut at 80 bytes */
	DF_LOG_NUM,
	DF_LOG_WHY,
};
struct df_log_field {
	enum df_log_kind kind;
	const char *key;
	const char *text;
	int64_t num;
	const struct df_why *why;
};

#define DF_F_WORD(k, w) ((struct df_log_field){DF_LOG_WORD, k, w, 0, NULL})
#define DF_F_ID(id) ((struct df_log_field){DF_LOG_WORD, "id", (id)->s, 0, NULL})
#define DF_F_UID(k, u) ((struct df_log_field){DF_LOG_TEXT, k, u, 0, NULL})
#define DF_F_AE(k, ae) ((struct df_log_field){DF_LOG_TEXT, k, ae, 0, NULL})
#define DF_F_ADDR(a) ((struct df_log_field){DF_LOG_TEXT, "addr", a, 0, NULL})
#define DF_F_NUM(k, n)                                                         \
	((struct df_log_field){DF_LOG_NUM, k, NULL, (int64_t)(n), NULL})
#define DF_F_BYTES(n) DF_F_NUM("bytes", n)
#define DF_F_MS(n) DF_F_NUM("ms", n)
#define DF_F_ERR(w) ((struct df_log_field){DF_LOG_WHY, "err", NULL, 0, w})

#define df_log(level, ...)                                                     \
	df_log_fields(level, __VA_ARGS__,                                      \
		      (struct df_log_field){DF_LOG_END, NULL, NULL, 0, NULL})
/* Ends with a DF_LOG_END field. */
void df_log_fields(enum df_log_level level, const char *event, ...);

/* `room` is static and stands on every line; lines below `least` are dropped. */
void df_log_init(const char *room, enum df_log_level least);

#ifdef __cplusplus
}
#endif
#endif
