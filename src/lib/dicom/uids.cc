/*
 * uids.cc - which SOP classes and transfer syntaxes we take: DCMTK's lists,
 * without its dictionary.
 */
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcuid.h"
#include "dcmtk/dcmdata/dcxfer.h"

#include <cstring>

#include "df/object.h"

extern "C" const char *df_storage_class_at(size_t i)
{
	return i < (size_t)numberOfDcmAllStorageSOPClassUIDs
		       ? dcmAllStorageSOPClassUIDs[i]
		       : nullptr;
}

extern "C" bool df_storage_class_known(const char *uid)
{
	const char *known;

	for (size_t i = 0; (known = df_storage_class_at(i)) != nullptr; i++)
		if (strcmp(known, uid) == 0)
			return true;
	return false;
}

/* All that DCMTK 3.6.7 names in PS3.6 table A-1 and that carry a data set in
 * one message; private ones and JPIP (pixels elsewhere) are left out. */
static const E_TransferSyntax syntaxes[] = {
	EXS_LittleEndianImplicit,
	EXS_LittleEndianExplicit,
	EXS_BigEndianExplicit,
	EXS_DeflatedLittleEndianExplicit,
	EXS_JPEGProcess1,
	EXS_JPEGProcess2_4,
	EXS_JPEGProcess3_5,
	EXS_JPEGProcess6_8,
	EXS_JPEGProcess7_9,
	EXS_JPEGProcess10_12,
	EXS_JPEGProcess11_13,
	EXS_JPEGProcess14,
	EXS_JPEGProcess15,
	EXS_JPEGProcess16_18,
	EXS_JPEGProcess17_19,
	EXS_JPEGProcess20_22,
	EXS_JPEGProcess21_23,
	EXS_JPEGProcess24_26,
	EXS_JPEGProcess25_27,
	EXS_JPEGProcess28,
	EXS_JPEGProcess29,
	EXS_JPEGProcess14SV1,
	EXS_RLELossless,
	EXS_JPEGLSLossless,
	EXS_JPEGLSLossy,
	EXS_JPEG2000LosslessOnly,
	EXS_JPEG2000,
	EXS_JPEG2000MulticomponentLosslessOnly,
	EXS_JPEG2000Multicomponent,
	EXS_MPEG2MainProfileAtMainLevel,
	EXS_MPEG2MainProfileAtHighLevel,
	EXS_MPEG4HighProfileLevel4_1,
	EXS_MPEG4BDcompatibleHighProfileLevel4_1,
	EXS_MPEG4HighProfileLevel4_2_For2DVideo,
	EXS_MPEG4HighProfileLevel4_2_For3DVideo,
	EXS_MPEG4StereoHighProfileLevel4_2,
	EXS_HEVCMainProfileLevel5_1,
	EXS_HEVCMain10ProfileLevel5_1,
};

/* Standard, but newer than DCMTK 3.6.7; all explicit VR little endian around
 * encapsulated pixels. They go through as they are. */
static const char *const newer[] = {
	"1.2.840.10008.1.2.4.100.1", "1.2.840.10008.1.2.4.101.1",
	"1.2.840.10008.1.2.4.102.1", "1.2.840.10008.1.2.4.103.1",
	"1.2.840.10008.1.2.4.104.1", "1.2.840.10008.1.2.4.105.1",
	"1.2.840.10008.1.2.4.106.1", /* fragmentable MPEG */
	"1.2.840.10008.1.2.4.110",   "1.2.840.10008.1.2.4.111",
	"1.2.840.10008.1.2.4.112", /* JPEG XL */
	"1.2.840.10008.1.2.4.201",   "1.2.840.10008.1.2.4.202",
	"1.2.840.10008.1.2.4.203", /* HTJ2K */
	"1.2.840.10008.1.2.8.1",   /* deflated image frames */
};

extern "C" const char *df_transfer_syntax_at(size_t i)
{
	const size_t known = sizeof syntaxes / sizeof syntaxes[0];

	if (i < known)
		return DcmXfer(syntaxes[i]).getXferID();
	i -= known;
	return i < sizeof newer / sizeof newer[0] ? newer[i] : nullptr;
}

extern "C" bool df_transfer_syntax_encapsulated(const char *uid)
{
	for (const char *one : newer)
		if (strcmp(one, uid) == 0)
			return true;
	return DcmXfer(uid).isEncapsulated();
}

extern "C" const char *df_uid_name(const char *uid)
{
	const char *name = dcmFindNameOfUID(uid);

	return name != nullptr ? name : "";
}
