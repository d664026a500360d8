/*
 * transport.h - the connection under DCMTK's upper layer, ours: deadlines on
 * progress in both directions, no Nagle, acknowledgements at once, no SIGPIPE;
 * when we dial, what a long line with losses needs.
 */
#ifndef DF_DICOM_TRANSPORT_H
#define DF_DICOM_TRANSPORT_H

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmnet/dcmlayer.h"
#include "dcmtk/dcmnet/dcmtrans.h"

#include "df/err.h"

/* Shared by an association and its connection, outlives both. */
struct df_wire {
	int read_ms;	 /* longest silence the next read allows */
	int progress_ms; /* the same inside a message and for writes */
	int64_t until;	 /* monotonic: no wait beyond it; 0 = no such end */
	bool timed_out;
	bool closed; /* the peer ended the connection */
	int fd;	     /* of the connection, for poll; -1 when it is closed */
	int sys;     /* errno of a failed read or write */
	/* asked in a silence between messages: are we to end? NULL = never */
	bool (*ending)(void *ctx, bool silent);
	void *ctx;
	bool ended;
	bool dialled; /* we opened it: the bytes go out */
	size_t (*pace)(void *ctx, size_t want, int64_t *wait_ms); /* or NULL */
	void *pace_ctx;
};

class df_connection : public DcmTransportConnection
{
      public:
	df_connection(DcmNativeSocketType fd, struct df_wire *wire);
	~df_connection() override;
	OFCondition serverSideHandshake() override;
	OFCondition clientSideHandshake() override;
	OFCondition renegotiate(const char *suite) override;
	ssize_t read(void *buf, size_t n) override;
	ssize_t write(void *buf, size_t n) override;
	void close() override;
	void closeTransportConnection() override;
	unsigned long getPeerCertificateLength() override;
	unsigned long getPeerCertificate(void *buf, unsigned long len) override;
	OFBool networkDataAvailable(int timeout_s) override;
	OFBool isTransparentConnection() override;
	OFString &dumpConnectionParameters(OFString &str) override;

      private:
	void tune();
	bool ends();
	bool wait(short events, int ms);
	size_t paced(size_t want);
	struct df_wire *wire_;
	bool tcp_;
	bool head_; /* the last write was the head of a P-DATA PDU */
};

class df_layer : public DcmTransportLayer
{
      public:
	explicit df_layer(struct df_wire *wire) : wire_(wire)
	{
	}
	DcmTransportConnection *createConnection(DcmNativeSocketType fd,
						 OFBool secure) override;

      private:
	struct df_wire *wire_;
};

/* Process-wide settings of DCMTK's network layer and a silent log. */
void df_network_init(void);
void df_dcmtk_silence(void);

#endif
