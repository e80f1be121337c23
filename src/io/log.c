/* log.c - see log.h. */
#include "io/log.h"
#include "base/when.h"
#include "io/clock.h"
#include <assert.h>
#include <string.h>
#include <unistd.h>

enum { ID_MAX = 64, TEXT_MAX = 560 };
static_assert(6 * (ID_MAX + 3) + 6 * (TEXT_MAX + 3) + 128 <= LOG_LINE_MAX, "an escaped byte takes six");

static const char *const names[LOG_LEVELS] = { "debug", "info", "warn", "error" };

void log_init(struct log *l, int fd, int threshold, enum log_format format)
{
	l->fd = fd;
	log_change(l, threshold, format);
}

void log_change(struct log *l, int threshold, enum log_format format)
{
	atomic_store(&l->is_logfmt, format == LOG_LOGFMT || (format == LOG_AUTO && isatty(l->fd) == 1));
	atomic_store(&l->threshold, threshold);
}

static void write_logfmt(struct buf *b, int level, struct str incident, struct str text)
{
	buf_add(b, S("ts="));
	when_write(b, clock_wall_ms());
	buf_fmt(b, " level=%s msg=", names[level]);
	buf_json(b, text);                                         /* quoted as JSON is what logfmt readers take */
	if (incident.n) {
		buf_add(b, S(" incident_id="));
		buf_add(b, incident);
	}
	buf_char(b, '\n');
}

static void write_json(struct buf *b, int level, struct str incident, struct str text)
{
	buf_add(b, S("{\"ts\":\""));
	when_write(b, clock_wall_ms());
	buf_fmt(b, "\",\"level\":\"%s\",\"msg\":", names[level]);
	buf_json(b, text);
	if (incident.n) {
		buf_add(b, S(",\"incident_id\":"));
		buf_json(b, incident);
	}
	buf_add(b, S("}\n"));
}

/* A text as it may stand in a line: at most n bytes, ended at a whole character; of text that is no UTF-8 only the ASCII is kept. */
static void tame(struct buf *b, struct str s, size_t n)
{
	bool is_text = str_is_utf8(s);
	struct str part = { s.p, s.n < n ? s.n : n };
	while (is_text && !str_is_utf8(part))
		part.n--;                                          /* three times at most */
	for (size_t i = 0; i < part.n; i++)
		buf_char(b, is_text || (unsigned char)part.p[i] < 0x80 ? part.p[i] : '?');
	if (part.n < s.n)
		buf_add(b, S("..."));
}

void log_write(struct log *l, int level, struct str incident, const char *text)
{
	assert(level >= 0 && level < LOG_LEVELS);
	if (level < atomic_load_explicit(&l->threshold, memory_order_relaxed))
		return;
	struct buf line = BUF(LOG_LINE_MAX), id = BUF(LOG_LINE_MAX), say = BUF(LOG_LINE_MAX);
	tame(&id, incident, ID_MAX);
	tame(&say, str_c(text), TEXT_MAX);
	(l->is_logfmt ? write_logfmt : write_json)(&line, level, buf_str(&id), buf_str(&say));
	assert(line.err == 0);
	(void)!write(l->fd, line.p, line.n);                       /* see log.h: nowhere left to say it */
	buf_free(&line);
	buf_free(&id);
	buf_free(&say);
}
