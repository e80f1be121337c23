/* digest.c - hashes and spellings against the vectors of their standards. Includes the source, to see both forms of the CRC. */
#include "src/base/digest.c"

#include "base/rng.h"
#include <setjmp.h>

#include <cmocka.h>

static void is_hex(const uint8_t *p, size_t n, const char *want)
{
	struct buf b = BUF(200);
	hex_write(&b, p, n);
	assert_string_equal(b.p, want);
	buf_free(&b);
}

static void sha256_matches_fips_180(void **state)
{
	(void)state;
	uint8_t out[SHA256_N];
	sha256(S("abc"), out);
	is_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256((struct str){ NULL, 0 }, out);
	is_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha256_hex_spells_it_in_lower_case(void **state)
{
	(void)state;
	struct arena a = ARENA(1000);
	assert_string_equal(sha256_hex(&a, S("abc")).p, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	arena_free(&a);
}

/* RFC 4231, cases 1, 2, 3 and 6 (a key longer than a block). */
static void hmac_sha256_matches_rfc_4231(void **state)
{
	(void)state;
	char key[131], data[50];
	uint8_t out[SHA256_N];
	memset(key, 0x0b, 20);
	hmac_sha256((struct str){ key, 20 }, S("Hi There"), out);
	is_hex(out, sizeof out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), out);
	is_hex(out, sizeof out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	memset(data, 0xdd, sizeof data);
	hmac_sha256((struct str){ key, 20 }, (struct str){ data, 50 }, out);
	is_hex(out, sizeof out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	hmac_sha256((struct str){ key, 131 }, S("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	is_hex(out, sizeof out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256((struct str){ NULL, 0 }, (struct str){ NULL, 0 }, out);
	is_hex(out, sizeof out, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static void crc32c_matches_rfc_3720(void **state)
{
	(void)state;
	uint8_t block[32];
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
	memset(block, 0, sizeof block);
	assert_int_equal(crc32c(0, block, 32), 0x8a9136aa);
	memset(block, 0xff, sizeof block);
	assert_int_equal(crc32c(0, block, 32), 0x62a8ab43);
	for (size_t i = 0; i < 32; i++)
		block[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, block, 32), 0x46dd794e);
	assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283);
	assert_int_equal(~crc_portable(~0u, (const uint8_t *)"123456789", 9), 0xe3069283);
}

#if defined(__x86_64__)
static void both_forms_of_the_crc_agree(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("sse4.2"))
		return;
	uint8_t p[300];
	struct rng r = rng_seeded(7);
	rng_bytes(&r, p, sizeof p);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; from + n <= sizeof p; n++)
			assert_int_equal(crc_hardware((uint32_t)n, p + from, n), crc_portable((uint32_t)n, p + from, n));
}
#endif

static void secrets_are_equal_only_when_all_of_them_is(void **state)
{
	(void)state;
	assert_true(same_secret(S("token"), S("token")));
	assert_true(same_secret(S(""), (struct str){ NULL, 0 }));
	assert_false(same_secret(S("token"), S("tokem")));
	assert_false(same_secret(S("token"), S("toke")));
	assert_false(same_secret(S(""), S("x")));
}

/* RFC 4648, section 10. */
static void base64_matches_rfc_4648(void **state)
{
	(void)state;
	const struct { struct str bytes; const char *padded, *bare; } row[] = {
		{ S(""), "", "" }, { S("f"), "Zg==", "Zg" }, { S("fo"), "Zm8=", "Zm8" }, { S("foo"), "Zm9v", "Zm9v" },
		{ S("foob"), "Zm9vYg==", "Zm9vYg" }, { S("fooba"), "Zm9vYmE=", "Zm9vYmE" },
		{ S("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
		{ S("\xfb\xff\xfe"), "+//+", "-__-" }, { S("\0\0"), "AAA=", "AAA" },
	};
	struct arena a = ARENA(1000);
	struct buf b = BUF(100);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct str back;
		buf_clear(&b);
		base64_write(&b, (const uint8_t *)row[i].bytes.p, row[i].bytes.n);
		assert_true(str_eq(buf_str(&b), str_c(row[i].padded)));
		assert_int_equal(base64_read(&a, str_c(row[i].padded), &back), 0);
		assert_true(str_eq(back, row[i].bytes));
		assert_int_equal(base64_read(&a, str_c(row[i].bare), &back), 0);
		assert_true(str_eq(back, row[i].bytes));
	}
	buf_free(&b);
	arena_free(&a);
}

static void what_is_not_base64_is_refused(void **state)
{
	(void)state;
	const struct str row[] = { S("Z"), S("Zm9vY"), S("Zg==="), S("Z=g="), S("Zm 9"), S("Zm9\n"), S("Zm9\0"), S("Zm9."),
		S("\xc3\xa9") };
	struct arena a = ARENA(1000), tiny = ARENA(2);
	struct str back = S("kept");
	for (size_t i = 0; i < COUNT(row); i++)
		assert_int_equal(base64_read(&a, row[i], &back), EINVAL);
	assert_int_equal(base64_read(&tiny, S("Zm9vYmFy"), &back), ENOMEM);
	assert_true(str_eq(back, S("kept")));
	arena_free(&a);
	arena_free(&tiny);
}

/* RFC 9562, A.6. */
static void uuids_of_version_7_carry_their_time(void **state)
{
	(void)state;
	static const uint8_t random[10] = { 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f };
	static const uint8_t ones[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	char z[37], later[37];
	uuid7_write(z, 0x017f22e279b0, random);
	assert_string_equal(z, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	uuid7_write(z, 1, ones);
	assert_string_equal(z, "00000000-0001-7fff-bfff-ffffffffffff");
	uuid7_write(later, 2, (const uint8_t[10]){ 0 });
	assert_string_equal(later, "00000000-0002-7000-8000-000000000000");
	assert_true(str_cmp(str_c(z), str_c(later)) < 0);
}

static void only_whole_uuids_are_uuids(void **state)
{
	(void)state;
	assert_true(uuid_is(S("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")));
	const struct str row[] = {
		S(""), S("42"), S("017f22e2-79b0-7cc3-98c4-dc0c0c07398"), S("017f22e2-79b0-7cc3-98c4-dc0c0c07398f0"),
		S("017f22e2079b0-7cc3-98c4-dc0c0c07398f"), S("017f22e2-79b0-7cc3-98c4-dc0c0c07398g"),
		S("017f22e2-79b0-7cc3-98c4-dc0c0c07398\0"),
		S("----------------------------------- "),
	};
	for (size_t i = 0; i < COUNT(row); i++)
		assert_false(uuid_is(row[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_matches_fips_180),
		cmocka_unit_test(sha256_hex_spells_it_in_lower_case),
		cmocka_unit_test(hmac_sha256_matches_rfc_4231),
		cmocka_unit_test(crc32c_matches_rfc_3720),
#if defined(__x86_64__)
		cmocka_unit_test(both_forms_of_the_crc_agree),
#endif
		cmocka_unit_test(secrets_are_equal_only_when_all_of_them_is),
		cmocka_unit_test(base64_matches_rfc_4648),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(uuids_of_version_7_carry_their_time),
		cmocka_unit_test(only_whole_uuids_are_uuids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
