/* Every channel, one line each: CHANNEL(file). Included by channel.h for the declarations and by table.c for the table. */
CHANNEL(webhook)
CHANNEL(email)
CHANNEL(console)
