/* when.c - civil dates by arithmetic (days from a civil date, era of 400 years), so nothing reads a zone or a clock. */
#include "base/when.h"
#include <errno.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
static const int64_t last_ms = INT64_C(253402300799999);          /* 9999-12-31T23:59:59.999Z: later years have no text */

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, yoe = y % 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int *ret_y, int *ret_m, int *ret_d)
{
	z += 719468;
	int64_t era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	*ret_d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*ret_m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_y = (int)(yoe + era * 400 + (*ret_m <= 2));
}

/* Takes exactly n digits off the front. */
static bool digits(struct str *s, size_t n, int *ret)
{
	int v = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*ret = v;
	*s = str_skip(*s, n);
	return true;
}

static bool skip_char(struct str *s, const char *any)
{
	for (; *any; any++)
		if (s->n > 0 && s->p[0] == *any) {
			*s = str_skip(*s, 1);
			return true;
		}
	return false;
}

/* ".5", ".123456": milliseconds, what is finer is dropped. */
static bool fraction(struct str *s, int *ret_ms)
{
	int ms = 0, unit = 100, n = 0;
	if (!skip_char(s, ".,"))
		return true;
	for (; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_skip(*s, 1), n++) {
		ms += (s->p[0] - '0') * unit;
		unit /= 10;
	}
	*ret_ms = ms;
	return n > 0;
}

static bool offset(struct str *s, int64_t *ret_ms)
{
	int h = 0, m = 0;
	if (skip_char(s, "Zz"))
		return true;
	bool west = s->n > 0 && s->p[0] == '-';
	if (!skip_char(s, "+-") || !digits(s, 2, &h))
		return false;
	bool colon = skip_char(s, ":");
	if ((colon || s->n > 0) && !digits(s, 2, &m))
		return false;
	*ret_ms = (west ? -1 : 1) * ((int64_t)h * HOUR + (int64_t)m * MINUTE);
	return h <= 23 && m <= 59;
}

static int month_days(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

int when_read(struct str s, int64_t *ret_ms)
{
	int y, mo, d, h, mi, sec, ms = 0;
	int64_t off = 0;
	if (!digits(&s, 4, &y) || !skip_char(&s, "-") || !digits(&s, 2, &mo) || !skip_char(&s, "-") || !digits(&s, 2, &d))
		return EINVAL;
	if (!skip_char(&s, "Tt ") || !digits(&s, 2, &h) || !skip_char(&s, ":") || !digits(&s, 2, &mi))
		return EINVAL;
	if (!skip_char(&s, ":") || !digits(&s, 2, &sec) || !fraction(&s, &ms) || !offset(&s, &off) || s.n > 0)
		return EINVAL;
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 60)
		return EINVAL;
	int64_t t = days_from_civil(y, mo, d) * DAY + (int64_t)h * HOUR + (int64_t)mi * MINUTE + (int64_t)sec * SECOND + ms - off;
	if (t < 0 || t > last_ms)
		return EINVAL;
	*ret_ms = t;
	return 0;
}

/* n digits of v, then the character that ends them. */
static char *put(char *p, int64_t v, int n, char end)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = end;
	return p + n + 1;
}

void when_write(struct buf *b, int64_t ms)
{
	char z[24], *p = z;
	int y, m, d;
	ms = ms < 0 ? 0 : ms > last_ms ? last_ms : ms;
	int64_t rest = ms % DAY;
	civil_from_days(ms / DAY, &y, &m, &d);
	p = put(p, y, 4, '-');
	p = put(p, m, 2, '-');
	p = put(p, d, 2, 'T');
	p = put(p, rest / HOUR, 2, ':');
	p = put(p, rest / MINUTE % 60, 2, ':');
	p = put(p, rest / SECOND % 60, 2, '.');
	p = put(p, rest % SECOND, 3, 'Z');
	buf_add(b, (struct str){ z, (size_t)(p - z) });
}

static const struct { const char *name; int64_t ms; } units[] = {
	{ "d", DAY }, { "h", HOUR }, { "m", MINUTE }, { "s", SECOND }, { "ms", 1 },
};

static bool take_number(struct str *s, int64_t *ret)
{
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (!str_int((struct str){ s->p, n }, ret))
		return false;
	*s = str_skip(*s, n);
	return true;
}

int duration_read(struct str s, int64_t *ret_ms)
{
	int64_t total = 0;
	size_t next = 0;
	if (s.n == 0)
		return EINVAL;
	while (s.n > 0) {
		int64_t v;
		size_t n = 0, u = next;
		if (!take_number(&s, &v))
			return EINVAL;
		while (n < s.n && s.p[n] >= 'a' && s.p[n] <= 'z')
			n++;
		while (u < COUNT(units) && !str_eq(str_c(units[u].name), (struct str){ s.p, n }))
			u++;
		if (u == COUNT(units) || __builtin_mul_overflow(v, units[u].ms, &v) || __builtin_add_overflow(total, v, &total))
			return EINVAL;
		next = u + 1;
		s = str_skip(s, n);
	}
	*ret_ms = total;
	return 0;
}

void duration_write(struct buf *b, int64_t ms)
{
	if (ms <= 0)
		buf_add(b, S("0s"));
	for (size_t u = 0; u < COUNT(units) && ms > 0; ms %= units[u++].ms)
		if (ms >= units[u].ms) {
			buf_int(b, ms / units[u].ms);
			buf_add(b, str_c(units[u].name));
		}
}
