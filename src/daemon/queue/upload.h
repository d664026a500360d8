/* upload.h - a whole parcel that is being checked; upload.c and arrival.c. */
#ifndef QUEUE_UPLOAD_H
#define QUEUE_UPLOAD_H

#include "queue.h"

struct upload {
	struct upload *next;
	struct queue *q;
	struct df_row_upload row;
	struct opened o; /* fields of the header; fd and key are gone */
	struct seen_list seen;
	struct df_checksum checksum; /* of the whole file */
};

#endif
