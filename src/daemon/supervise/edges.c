/* edges.c - which rooms may talk: the whole list. */
#include "supervise.h"

#define EDGE(a, b)                       \
	{                                \
		DF_ROLE_##a, DF_ROLE_##b \
	}

static const struct {
	enum df_role a;
	enum df_role b;
} EDGES[] = {
	EDGE(FRONT, GATEWAY),	    EDGE(FRONT, KEYS),
	EDGE(RECEIVE, QUEUE),	    EDGE(RECEIVE, KEYS),
	EDGE(RECEIVE, INDEX),
	EDGE(QUEUE, KEYS),	    EDGE(QUEUE, PREPARE),
	EDGE(QUEUE, INDEX),	    EDGE(QUEUE, GATEWAY),
	EDGE(QUEUE, DELIVER_HTTPS), EDGE(QUEUE, DELIVER_DIMSE),
	EDGE(QUEUE, CONSOLE),	    EDGE(INDEX, CONSOLE),
	EDGE(INDEX, KEYS),	    EDGE(KEYS, CONSOLE),
	EDGE(KEYS, GATEWAY),	    EDGE(KEYS, DELIVER_HTTPS),
	EDGE(INDEX, GATEWAY),	    EDGE(INDEX, DELIVER_HTTPS),
};

bool is_edge(enum df_role a, enum df_role b)
{
	size_t i;

	for (i = 0; i < sizeof EDGES / sizeof EDGES[0]; i++)
		if ((EDGES[i].a == a && EDGES[i].b == b) ||
		    (EDGES[i].a == b && EDGES[i].b == a))
			return true;
	return false;
}
