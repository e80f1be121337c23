/* outside.c - the environment and the file system, as loading a configuration sees them. */
#include "main/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *real_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static int read_fd(int fd, struct arena *a, size_t max, struct str *ret)
{
	struct buf b = BUF(max);
	char piece[8192];
	ssize_t n;
	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(&b, (struct str){ piece, (size_t)n });
	int err = n < 0 ? errno : b.err ? EFBIG : str_keep(a, buf_str(&b), ret);
	explicit_bzero(piece, sizeof piece);
	if (b.p)
		explicit_bzero(b.p, b.cap);
	buf_free(&b);
	return err;
}

static int real_read(void *ctx, struct arena *a, struct str path, size_t max, struct str *ret)
{
	(void)ctx;
	char *z = xstrndup(path);
	int fd = open(z, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? errno : read_fd(fd, a, max, ret);
	if (fd >= 0)
		(void)close(fd);                           /* nothing was written */
	free(z);
	return err;
}

struct config_outside config_real_outside(void)
{
	return (struct config_outside){ NULL, real_env, real_read };
}

struct str config_find(const struct config_outside *o, struct report *r)
{
	static const char *const places[] = { "tocsin.yaml", "/etc/tocsin/tocsin.yaml" };
	struct str named = str_c(o->env(o->ctx, "TOCSIN_CONFIG")), text;
	if (named.n)
		return named;
	for (size_t i = 0; i < COUNT(places); i++)
		if (o->read(o->ctx, r->a, str_c(places[i]), CONFIG_BYTES_MAX, &text) != ENOENT)
			return str_c(places[i]);
	r->file = S("tocsin.yaml");
	report_add(r, CODE_NOT_READ, (struct mark){ 0 },
	    "no configuration: neither ./tocsin.yaml nor /etc/tocsin/tocsin.yaml is there; name one with --config FILE, or start from "
	    "examples/quickstart.yaml");
	return S("");
}
