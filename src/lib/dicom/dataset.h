/*
 * dataset.h - memory to DcmDataset and back, shared by the object files.
 */
#ifndef DF_DICOM_DATASET_H
#define DF_DICOM_DATASET_H

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"

#include "df/object.h"

/* Parses all of it, or (head) what stands before the pixel data. */
enum df_err dataset_load(DcmDataset *ds, const struct df_object *o, bool head,
			 struct df_why *why);
/* Appends the encoding in `to`. */
enum df_err dataset_save(DcmDataset *ds, E_TransferSyntax to,
			 struct df_buf *out, struct df_why *why);
/* The raw value of a text element; {NULL, 0} when absent or not text. */
struct df_text dataset_text(DcmItem *item, const DcmTagKey &key, DcmEVR *vr);
/* Specific Character Set in force in an item, with its backslashes; "" when
 * none is declared. */
OFString dataset_charset(DcmItem *item);

#endif
