/* tally.c - answers counted by handler and status: tocsin_http_requests. On the loop thread only, so plain numbers do. */
#include "api/routes.h"
#include <stdlib.h>

static const int codes[] = { 200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 422, 500, 503 };
enum { CODES = COUNT(codes), OTHER_CODE = CODES };

/* Rows: the routes, then the sources' doors, then requests for what there is not. */
struct tally { size_t n_rows; uint64_t (*n)[CODES + 1]; };

struct tally *tally_new(void)
{
	struct tally *t = xmalloc(sizeof *t);
	t->n_rows = ROUTES + source_count() + 1;
	t->n = xmalloc(t->n_rows * sizeof *t->n);
	for (size_t i = 0; i < t->n_rows; i++)
		for (size_t j = 0; j <= CODES; j++)
			t->n[i][j] = 0;
	return t;
}

void tally_free(struct tally *t)
{
	free(t->n);
	free(t);
}

static size_t row_of(const struct tally *t, const struct exchange *x)
{
	size_t row = ROUTES;
	if (x->route != NULL)
		return (size_t)(x->route - routes);
	while (row < t->n_rows - 1 && (x->source == NULL || source_at(row - ROUTES) != x->source))
		row++;
	return row;
}

void tally_count(struct tally *t, const struct exchange *x, int status)
{
	size_t row = row_of(t, x), code = 0;
	while (code < CODES && codes[code] != status)
		code++;
	t->n[row][code]++;
}

static void row_write(const struct tally *t, size_t row, struct buf *b)
{
	bool is_route = row < ROUTES, is_none = row == t->n_rows - 1;
	const char *handler = is_route ? routes[row].path : is_none ? "none" : source_at(row - ROUTES)->door;
	const char *method = is_route ? routes[row].method : is_none ? "any" : "POST";
	for (size_t i = 0; i <= CODES; i++) {
		if (t->n[row][i] == 0)
			continue;
		buf_fmt(b, "tocsin_http_requests_total{handler=\"%s\",method=\"%s\",code=\"", handler, method);
		if (i == OTHER_CODE)
			buf_add(b, S("other"));
		else
			buf_int(b, codes[i]);
		buf_fmt(b, "\"} %llu\n", (unsigned long long)t->n[row][i]);
	}
}

void tally_write(const struct tally *t, struct buf *b, bool is_openmetrics)
{
	const char *family = is_openmetrics ? "tocsin_http_requests" : "tocsin_http_requests_total";
	buf_fmt(b, "# TYPE %s counter\n# HELP %s HTTP requests answered, by handler, method and status.\n", family, family);
	for (size_t row = 0; row < t->n_rows; row++)
		row_write(t, row, b);
}
