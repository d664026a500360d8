/*
 * main.c - console: people's questions and orders, from control.sock.
 *
 * It owns no state: every answer is made of what queue, index, keys and
 * supervise say now. A room that is stuck costs the person five seconds and
 * an answer that names it.
 */
#include "console.h"

static const struct df_room_spec spec = {
	.role = DF_ROLE_CONSOLE,
	.start = clients_start,
};

int main(int argc, char **argv)
{
	return df_room_main(argc, argv, &spec);
}
