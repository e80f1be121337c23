/* when.c - points in time and durations, there and back. Vectors from RFC 3339 and from `date -u`. */
#include "base/when.h"
#include <errno.h>
#include <setjmp.h>

#include <cmocka.h>

static void times_are_read_in_the_forms_that_senders_use(void **state)
{
	(void)state;
	const struct { struct str s; int64_t ms; } row[] = {
		{ S("1970-01-01T00:00:00Z"), 0 }, { S("1970-01-01T00:00:00.001Z"), 1 },
		{ S("2026-01-02T03:04:05.678Z"), 1767323045678 },
		{ S("2026-01-02t03:04:05.678z"), 1767323045678 }, { S("2026-01-02 03:04:05Z"), 1767323045000 },
		{ S("2026-01-02T03:04:05+00:00"), 1767323045000 }, { S("2026-01-02T03:04:05+0000"), 1767323045000 },
		{ S("2026-01-02T03:04:05-00:00"), 1767323045000 }, { S("2026-01-02T05:34:05+02:30"), 1767323045000 },
		{ S("2026-01-01T22:04:05-0500"), 1767323045000 }, { S("2026-01-02T04:04:05+01"), 1767323045000 },
		{ S("1985-04-12T23:20:50.52Z"), 482196050520 }, { S("1996-12-19T16:39:57-08:00"), 851042397000 },
		{ S("1990-12-31T23:59:60Z"), 662688000000 }, { S("2015-07-08T22:33:44.123456+0000"), 1436394824123 },
		{ S("2026-01-02T03:04:05,6Z"), 1767323045600 }, { S("2026-01-02T03:04:05.9999999999Z"), 1767323045999 },
		{ S("2000-02-29T00:00:00Z"), 951782400000 }, { S("2024-02-29T12:00:00Z"), 1709208000000 },
		{ S("2024-03-01T00:00:00Z"), 1709251200000 }, { S("2100-03-01T00:00:00Z"), 4107542400000 },
		{ S("2400-02-29T00:00:00Z"), 13574563200000 }, { S("9999-12-31T23:59:59.999Z"), 253402300799999 },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms = -1;
		if (when_read(row[i].s, &ms) != 0 || ms != row[i].ms)
			fail_msg("%.*s: %lld", STR_ARG(row[i].s), (long long)ms);
	}
}

static void what_is_no_time_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	const struct str row[] = {
		S(""), S("2026"), S("2026-01-02"), S("2026-01-02T03:04:05"), S("2026-01-02T03:04Z"), S("2026-13-01T00:00:00Z"),
		S("2026-00-01T00:00:00Z"), S("2026-01-00T00:00:00Z"), S("2026-01-32T00:00:00Z"), S("2026-04-31T00:00:00Z"),
		S("2023-02-29T00:00:00Z"), S("2100-02-29T00:00:00Z"), S("2026-01-02T24:00:00Z"), S("2026-01-02T03:60:00Z"),
		S("2026-01-02T03:04:61Z"), S("2026-01-02T03:04:05.Z"), S("2026-01-02T03:04:05Zx"), S("2026-01-02T03:04:05+1"),
		S("2026-01-02T03:04:05+01:"), S("2026-01-02T03:04:05+24:00"), S("2026-01-02T03:04:05+01:60"),
		S("1969-12-31T23:59:59Z"),
		S("1970-01-01T00:00:00+01:00"), S("9999-12-31T23:59:59-01:00"), S("26-01-02T03:04:05Z"),
		S("+026-01-02T03:04:05Z"),
		S(" 2026-01-02T03:04:05Z"), S("2026/01/02T03:04:05Z"), S("2026-1-2T03:04:05Z"), S("1767323045"),
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms = 4711;
		if (when_read(row[i], &ms) != EINVAL)
			fail_msg("%.*s was read as %lld", STR_ARG(row[i]), (long long)ms);
		assert_int_equal(ms, 4711);
	}
}

static void every_day_of_the_calendar_comes_back(void **state)
{
	(void)state;
	struct buf b = BUF(100);
	const int64_t day = 86400000, odd = 12345678;
	for (int64_t ms = 0; ms < INT64_C(253402300800000); ms += (ms < 80000 * day ? 1 : 1234) * day + (ms == 0 ? odd : 0)) {
		int64_t back = -1;
		buf_clear(&b);
		when_write(&b, ms);
		assert_int_equal(b.n, 24);
		assert_int_equal(when_read(buf_str(&b), &back), 0);
		assert_int_equal(back, ms);
	}
	buf_free(&b);
}

static void times_without_a_text_are_written_as_the_nearest(void **state)
{
	(void)state;
	static const struct { int64_t ms; const char *text; } row[] = {
		{ -1, "1970-01-01T00:00:00.000Z" }, { INT64_MIN, "1970-01-01T00:00:00.000Z" }, { 0, "1970-01-01T00:00:00.000Z" },
		{ 253402300800000, "9999-12-31T23:59:59.999Z" }, { INT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	struct buf b = BUF(100);
	for (size_t i = 0; i < COUNT(row); i++) {
		buf_clear(&b);
		when_write(&b, row[i].ms);
		assert_string_equal(b.p, row[i].text);
	}
	buf_free(&b);
}

static void durations_come_back_in_their_shortest_form(void **state)
{
	(void)state;
	const struct { struct str s; int64_t ms; const char *back; } row[] = {
		{ S("0s"), 0, "0s" }, { S("0d"), 0, "0s" }, { S("90s"), 90000, "1m30s" }, { S("15m"), 900000, "15m" },
		{ S("1h45m"), 6300000, "1h45m" }, { S("2d"), 172800000, "2d" }, { S("250ms"), 250, "250ms" },
		{ S("1s5ms"), 1005, "1s5ms" },
		{ S("1d2h3m4s5ms"), 93784005, "1d2h3m4s5ms" }, { S("007m"), 420000, "7m" }, { S("1000ms"), 1000, "1s" },
		{ S("9223372036854775807ms"), INT64_MAX, "106751991167d7h12m55s807ms" },
	};
	struct buf b = BUF(100);
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms = -1;
		assert_int_equal(duration_read(row[i].s, &ms), 0);
		assert_int_equal(ms, row[i].ms);
		buf_clear(&b);
		duration_write(&b, ms);
		assert_string_equal(b.p, row[i].back);
	}
	buf_clear(&b);
	duration_write(&b, -5);
	assert_string_equal(b.p, "0s");
	buf_free(&b);
}

static void what_is_no_duration_is_refused(void **state)
{
	(void)state;
	const struct str row[] = {
		S(""), S("15"), S("m"), S("15 m"), S("15min"), S("-5m"), S("+5m"), S("1.5h"), S("5m1h"), S("5m5m"), S("1h30"),
		S("1H"),
		S("9223372036854775808ms"), S("106751991168d"), S("106751991167d8h"), S("1w"),
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		int64_t ms = 4711;
		if (duration_read(row[i], &ms) != EINVAL)
			fail_msg("%.*s was read as %lld", STR_ARG(row[i]), (long long)ms);
		assert_int_equal(ms, 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_in_the_forms_that_senders_use),
		cmocka_unit_test(what_is_no_time_is_refused_and_changes_nothing),
		cmocka_unit_test(every_day_of_the_calendar_comes_back),
		cmocka_unit_test(times_without_a_text_are_written_as_the_nearest),
		cmocka_unit_test(durations_come_back_in_their_shortest_form),
		cmocka_unit_test(what_is_no_duration_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
