/*
 * references.h - a list of SOP instances with what became of each: what a
 * storage commitment asks for, and what its report says (PS3.4 annex J).
 *
 * Between rooms the list is text in a sealed memfd, one line an instance:
 * "SOPCLASS SOPINSTANCE" when it is good or not yet known, and with a blank
 * and four hex digits after it when it failed.
 */
#ifndef DF_REFERENCES_H
#define DF_REFERENCES_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_REFERENCES_MAX 50000 /* instances of one transaction */
#define DF_REFERENCES_TEXT_MAX (DF_REFERENCES_MAX * 136u)

/* Failure Reason (0008,1197), PS3.3 C.14.1.1. */
enum df_reference_reason {
	DF_REFERENCE_GOOD = 0,
	DF_REFERENCE_PROCESSING_FAILURE = 0x0110,
	DF_REFERENCE_NO_SUCH_INSTANCE = 0x0112,
	DF_REFERENCE_CLASS_CONFLICT = 0x0119,
};

struct df_reference {
	char sop_class[65];
	char sop_instance[65];
	uint16_t reason; /* DF_REFERENCE_GOOD or another's number */
};

struct df_references { /* {0} is an empty list */
	struct df_reference *v; /* owned */
	size_t n;
};

void df_references_release(struct df_references *l); /* idempotent */
/* Appends a copy. DF_E_LIMIT past DF_REFERENCES_MAX. */
DF_MUST_CHECK enum df_err df_references_add(struct df_references *l,
					    const struct df_reference *r,
					    struct df_why *why);
/* How many have failed. */
size_t df_references_bad(const struct df_references *l);
/* Appends the text. */
DF_MUST_CHECK enum df_err df_references_encode(struct df_buf *to,
					       const struct df_references *l,
					       struct df_why *why);
/* DF_E_FORMAT unless every line is of the form above; *l is released then. */
DF_MUST_CHECK enum df_err df_references_decode(struct df_references *l,
					       struct df_text text,
					       struct df_why *why);
/* Digest of what is named, whatever the order and the reasons. */
void df_references_digest(const struct df_references *l, struct df_digest *d);

#ifdef __cplusplus
}
#endif
#endif
