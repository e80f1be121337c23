/* config.c - loading a configuration: a hundred files and the exact words that each gets, and what a good one becomes.
 *
 * tests/data/config/NAME.yaml is loaded in a made-up outside (the variables and secret files below, and those of its first line, "# env: NAME=VALUE");
 * what is said about it must be NAME.want to the letter. GOLDEN=write writes the .want files anew: read the difference before keeping it.
 */
#include "main/config.h"
#include "base/digest.h"
#include "main/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/data/config/"

struct outside { const char *text; size_t n; struct str own_name, own_value; };

static const struct { const char *name, *text; } variables[] = {
	{ "KEY_A", "key a" }, { "KEY_B", "key b" }, { "KEY_C", "key c" }, { "SLASH", "a/b" }, { "EMPTY", "" },
	{ "SMTP_URL", "smtp://user:password@mail.example.com:587" },
};
static const struct { const char *name, *text; } files[] = {
	{ "/run/secrets/key", "from a file\n" }, { "/run/secrets/empty", "\n" },
};

static const char *fake_env(void *ctx, const char *name)
{
	const struct outside *o = ctx;
	for (size_t i = 0; i < COUNT(variables); i++)
		if (strcmp(variables[i].name, name) == 0)
			return variables[i].text;
	return o->own_name.n && str_eq(str_c(name), o->own_name) ? o->own_value.p : NULL;
}

static int fake_read(void *ctx, struct arena *a, struct str path, size_t max, struct str *ret)
{
	const struct outside *o = ctx;
	for (size_t i = 0; i < COUNT(files); i++)
		if (str_eq(path, str_c(files[i].name)))
			return str_keep(a, str_c(files[i].text), ret);
	if (o->text == NULL || str_starts(path, S("/run/")))
		return ENOENT;
	return o->n > max ? EFBIG : str_keep(a, (struct str){ o->text, o->n }, ret);
}

/* A configuration, its report, and the memory of both. */
struct trial { struct arena mem; struct report report; struct config *config; struct buf said; struct outside outside; };

static void own_variable(struct trial *t)
{
	struct str line, rest, head, text = { t->outside.text, t->outside.n };
	if (!str_starts(text, S("# env: ")) || !str_cut(str_skip(text, 7), '\n', &line, &rest))
		return;
	assert_true(str_cut(line, '=', &head, &rest));
	t->outside.own_name = head;
	t->outside.own_value = arena_str(&t->mem, rest);
}

static void load(struct trial *t, struct str text, const char *name, bool is_lenient)
{
	*t = (struct trial){ .mem = ARENA(64 << 20), .said = BUF(1 << 20), .outside = { .text = text.p, .n = text.n } };
	own_variable(t);
	struct config_outside o = { &t->outside, fake_env, fake_read };
	t->report = (struct report){ .a = &t->mem, .is_lenient = is_lenient };
	t->config = config_load(&o, str_c(name), &t->report);
	report_write(&t->report, &t->said, REPORT_TEXT);
}

static void done(struct trial *t)
{
	config_free(t->config);
	buf_free(&t->said);
	arena_free(&t->mem);
}

static struct str slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = BUF(4 << 20);
	char piece[4096];
	for (size_t n; f && (n = fread(piece, 1, sizeof piece, f)) > 0;)
		buf_add(&b, (struct str){ piece, n });
	if (f)
		(void)fclose(f);
	assert_false(b.err);
	return (struct str){ b.p ? b.p : xstrndup(S("")), b.n };
}

static void forget(struct str s)
{
	free((void *)(uintptr_t)s.p);
}

static void keep_golden(const char *path, struct str said)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(said.p, 1, said.n, f), said.n);
	assert_int_equal(fclose(f), 0);
}

/* Compares what is said about DATA/NAME.yaml with DATA/NAME.want. False, with both printed, when they differ. */
static bool agrees(const char *file)
{
	struct arena paths = ARENA(4096);
	const char *want_path = arena_fmt(&paths, DATA "%.*s.want", (int)(strlen(file) - strlen(".yaml")), file).p;
	struct str text = slurp(arena_fmt(&paths, DATA "%s", file).p);
	struct trial t;
	load(&t, text, file, false);
	assert_true((t.config == NULL) == (t.report.errors > 0));
	if (getenv("GOLDEN"))
		keep_golden(want_path, buf_str(&t.said));
	struct str want = slurp(want_path), said = buf_str(&t.said);
	bool is_same = str_eq(want, said);
	if (!is_same)
		print_error("%s: wanted\n%.*s\nbut got\n%.*s\n", file, STR_ARG(want), STR_ARG(said));
	forget(want);
	forget(text);
	done(&t);
	arena_free(&paths);
	return is_same;
}

static void every_broken_file_is_told_all_its_faults_in_exact_words(void **state)
{
	(void)state;
	struct dirent **names;
	int n = scandir(DATA, &names, NULL, alphasort), seen = 0, bad = 0;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(names[i]->d_name);
		if (len > 5 && strcmp(names[i]->d_name + len - 5, ".yaml") == 0) {
			seen++;
			bad += !agrees(names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
	assert_int_equal(bad, 0);
	assert_true(seen >= 60);
}

#define HEAD "storage: {driver: sqlite, path: data/x.db, min_free: 1GiB}\nserver: {listen: \"[::1]:0\", public_url: \"https://t.example.com/\"}\n" \
	"channels: {console: {type: console}}\nusers: [{id: b, contacts: {console: \"\"}}, {id: a, timezone: UTC}]\n" \
	"defaults: {timezone: Europe/Berlin, level_timeout: 7m}\n"
#define TAIL "policies: [{id: p, levels: [{targets: [\"user:b\"], timeout: 90s}, {targets: [\"channel:console\"]}]}]\n" \
	"services: [{id: s, policy: p, grouping: service, ack_timeout: 1h}]\n" \
	"sources:\n- {id: g, type: generic, service: s, key: {file: /run/secrets/key}}\n" \
	"- {id: v, type: events_v2, routing_keys: {s: {env: KEY_A}}}\n"

static void a_good_file_becomes_the_world(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S(HEAD TAIL), "x.yaml", false);
	assert_string_equal(t.said.p ? t.said.p : "", "");
	const struct config *c = t.config;
	assert_true(str_eq(c->host, S("::1")) && c->port == 0);
	assert_true(str_eq(c->public_url, S("https://t.example.com")));
	assert_int_equal(c->min_free, 1 << 30);
	assert_int_equal(c->log_level, LOG_INFO);
	const struct policy *p = world_policy(&c->world, S("p"), &(struct str){ 0 });
	assert_int_equal(p->levels.v[0].timeout, 90000);
	assert_int_equal(p->levels.v[1].timeout, 7 * 60000);      /* the core never sees a level without a wait */
	assert_true(str_eq(world_user(&c->world, S("b"))->timezone, S("Europe/Berlin")));
	assert_true(str_eq(world_user(&c->world, S("a"))->timezone, S("UTC")));
	assert_true(str_eq(world_service(&c->world, S("s"))->name, S("s")));
	assert_true(str_eq(c->outlets[0].id, S("console")) && c->outlets[0].how == channel_find(S("console")));
	assert_int_equal(c->world.page_life_ms, 15 * 60000);
	done(&t);
}

static void the_keys_of_the_doors_are_digests_in_order(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S(HEAD TAIL), "x.yaml", false);
	const struct config *c = t.config;
	uint8_t sha[SHA256_N];
	assert_int_equal(c->n_keys, 2);
	for (size_t i = 0; i < c->n_keys; i++) {
		bool is_generic = str_eq(c->keys[i].integration, S("g"));
		sha256(is_generic ? S("from a file") : S("key a"), sha);      /* the line end of a file is not part of the key */
		assert_memory_equal(c->keys[i].sha, sha, sizeof sha);
		assert_true(str_eq(c->keys[i].service, S("s")));
		assert_ptr_equal(c->keys[i].source, source_find(is_generic ? S("generic") : S("events_v2")));
	}
	assert_true((uintptr_t)c->keys[0].source < (uintptr_t)c->keys[1].source);
	done(&t);
}

static void what_is_shown_reads_back_the_same_and_holds_no_secret(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S(HEAD TAIL), "x.yaml", false);
	struct buf first = BUF(1 << 20), second = BUF(1 << 20);
	config_show(t.config, &first, false);
	struct trial again;
	load(&again, buf_str(&first), "y.yaml", false);
	assert_non_null(again.config);
	config_show(again.config, &second, false);
	assert_string_equal(first.p, second.p);
	assert_null(strstr(first.p, "key a"));
	assert_null(strstr(first.p, "from a file"));
	assert_non_null(strstr(first.p, "timeout: 7m"));
	assert_true(str_eq(t.config->world.policy_refs[0], again.config->world.policy_refs[0]));
	buf_free(&first);
	buf_free(&second);
	done(&again);
	done(&t);
}

static void as_json_it_is_the_same_tree(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S(HEAD TAIL), "x.yaml", false);
	struct buf b = BUF(1 << 20);
	struct str why = S("");
	config_show(t.config, &b, true);
	const struct jv *v = json_parse(&t.mem, str_trim(buf_str(&b)), &why);
	assert_non_null(v);
	assert_true(str_eq(json_text(json_get(v, S("storage")), S("driver")), S("sqlite")));
	buf_free(&b);
	done(&t);
}

static void the_environment_overrides_where_to_listen(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S("# env: PORT=4000\nstorage: {driver: memory}\n"), "x.yaml", false);
	assert_non_null(t.config);
	assert_true(str_eq(t.config->host, S("127.0.0.1")));
	assert_int_equal(t.config->port, 4000);
	done(&t);
	load(&t, S("# env: HOST=0.0.0.0\nauth: {required: true}\nstorage: {driver: memory}\n"), "x.yaml", false);
	assert_non_null(t.config);
	assert_true(str_eq(t.config->host, S("0.0.0.0")));
	done(&t);
}

static void the_environment_says_what_a_replica_is_called(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S("server: {name: eu-1}\nstorage: {driver: memory}\n"), "x.yaml", false);
	assert_non_null(t.config);
	assert_true(str_eq(t.config->file.server.name, S("eu-1")));
	done(&t);
	load(&t, S("# env: TOCSIN_NAME=pod-3\nserver: {name: eu-1}\nstorage: {driver: memory}\n"), "x.yaml", false);
	assert_non_null(t.config);
	assert_true(str_eq(t.config->file.server.name, S("pod-3")));
	done(&t);
}

static void the_environment_names_region_and_table_where_the_file_does_not(void **state)
{
	static const struct { const char *text, *region, *table; } row[] = {
		{ "storage: {driver: dynamodb}\n", "us-east-1", "incidents" },
		{ "# env: AWS_DEFAULT_REGION=eu-west-1\nstorage: {driver: dynamodb}\n", "eu-west-1", "incidents" },
		{ "# env: AWS_REGION=us-west-2\nstorage: {driver: dynamodb}\n", "us-west-2", "incidents" },
		{ "# env: DYNAMODB_TABLE_NAME=pager\nstorage: {driver: dynamodb}\n", "us-east-1", "pager" },
		{ "# env: AWS_REGION=us-west-2\nstorage: {driver: dynamodb, region: eu-north-1}\n", "eu-north-1", "incidents" },
		{ "# env: DYNAMODB_TABLE_NAME=pager\nstorage: {driver: dynamodb, table: mine}\n", "us-east-1", "mine" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct trial t;
		load(&t, str_c(row[i].text), "x.yaml", false);
		assert_non_null(t.config);
		assert_true(str_eq(t.config->file.storage.region, str_c(row[i].region)));
		assert_true(str_eq(t.config->file.storage.table, str_c(row[i].table)));
		done(&t);
	}
}

static void without_secrets_the_rest_is_still_checked(void **state)
{
	(void)state;
	static const char text[] = "storage: {driver: memory}\nchannels: {ops: {type: webhook, url: \"https://e.example\", hmac_secret: {env: NONE}}}\n";
	struct trial t;
	load(&t, str_c(text), "x.yaml", true);
	assert_non_null(t.config);
	assert_int_equal(t.report.warnings, 1);
	done(&t);
}

static void a_file_that_is_not_there_or_too_large_is_no_configuration(void **state)
{
	(void)state;
	struct trial t;
	load(&t, (struct str){ 0 }, "none.yaml", false);
	assert_null(t.config);
	assert_string_equal(t.said.p, "none.yaml: error[TOCSIN1007]: cannot be read (No such file or directory): name the file with --config FILE\n"
				      "1 error. `tocsin help TOCSIN1007` explains a code.\n");
	done(&t);
	char *large = xmalloc(CONFIG_BYTES_MAX + 1);
	memset(large, '#', CONFIG_BYTES_MAX + 1);
	load(&t, (struct str){ large, CONFIG_BYTES_MAX + 1 }, "large.yaml", false);
	assert_int_equal(t.report.head->code, CODE_TOO_LARGE);
	done(&t);
	load(&t, (struct str){ large, CONFIG_BYTES_MAX }, "large.yaml", false);
	assert_int_equal(t.report.head->code, CODE_VALUE);             /* one comment: read, and empty */
	done(&t);
	free(large);
}

static void too_many_values_are_refused(void **state)
{
	(void)state;
	struct buf b = BUF(1 << 20);
	buf_add(&b, S("users: ["));
	for (int i = 0; i < YAML_NODES_MAX; i++)
		buf_add(&b, S("a,"));
	buf_add(&b, S("]\n"));
	struct trial t;
	load(&t, buf_str(&b), "x.yaml", false);
	assert_int_equal(t.report.head->code, CODE_TOO_LARGE);
	done(&t);
	buf_free(&b);
}

static void a_flood_of_faults_is_counted_and_cut(void **state)
{
	(void)state;
	struct buf b = BUF(1 << 20);
	for (int i = 0; i < 300; i++)
		buf_fmt(&b, "unknown%d: x\nunknown%d: x\n", i, i);
	struct trial t;
	load(&t, buf_str(&b), "x.yaml", false);
	assert_true(t.report.errors >= 300);
	assert_non_null(strstr(t.said.p, "(the first 200 shown)"));
	done(&t);
	buf_free(&b);
}

static void with_no_file_named_the_usual_places_are_searched(void **state)
{
	(void)state;
	struct arena mem = ARENA(4 << 20);
	struct report r = { .a = &mem };
	struct outside nothing = { 0 }, here = { .text = "x", .n = 1 }, named = { .own_name = S("TOCSIN_CONFIG"), .own_value = S("my.yaml") };
	struct config_outside o = { &nothing, fake_env, fake_read };
	assert_int_equal(config_find(&o, &r).n, 0);
	assert_int_equal(r.errors, 1);
	o.ctx = &here;
	assert_true(str_eq(config_find(&o, &r), S("tocsin.yaml")));
	o.ctx = &named;
	assert_true(str_eq(config_find(&o, &r), S("my.yaml")));
	arena_free(&mem);
}

static void the_examples_are_good(void **state)
{
	(void)state;
	static const char *const examples[] = { "examples/quickstart.yaml", "examples/tocsin.example.yaml" };
	for (size_t i = 0; i < COUNT(examples); i++) {
		struct str text = slurp(examples[i]);
		assert_true(text.n > 0);
		struct trial t;
		load(&t, text, examples[i], true);
		assert_int_equal(t.report.errors, 0);
		for (const struct finding *f = t.report.head; f != NULL; f = f->next)
			assert_int_equal(f->code, CODE_SECRET_LATER);
		done(&t);
		forget(text);
	}
}

static void findings_come_as_json_and_as_annotations_too(void **state)
{
	(void)state;
	struct trial t;
	load(&t, S("storage: {driver: memory}\nuser: []\n"), "a,b.yaml", false);
	struct buf json = BUF(1 << 16), github = BUF(1 << 16);
	report_write(&t.report, &json, REPORT_JSON);
	report_write(&t.report, &github, REPORT_GITHUB);
	assert_string_equal(json.p, "{\"errors\":1,\"warnings\":0,\"findings\":[{\"code\":\"TOCSIN1003\",\"level\":\"error\",\"file\":\"a,b.yaml\","
				    "\"line\":2,\"column\":1,\"message\":\"unknown key \\\"user\\\"; did you mean \\\"users\\\"?\"}]}\n");
	assert_string_equal(github.p, "::error file=a%2Cb.yaml,line=2,col=1,title=TOCSIN1003::unknown key \"user\"; did you mean \"users\"?\n");
	buf_free(&json);
	buf_free(&github);
	done(&t);
}

static void every_code_is_explained(void **state)
{
	(void)state;
	enum code code = CODE_SYNTAX;
	assert_true(code_find(S("tocsin1102"), &code) && code == CODE_NO_USER);
	assert_false(code_find(S("TOCSIN9999"), &code));
	assert_false(code_find(S("TOCSIN"), &code));
#define CODE(number, name, is_warning, doc) assert_true(code_doc(CODE_##name).n > 40);
#include "main/codes.h"
#undef CODE
}

static void what_is_written_as_yaml_is_read_back(void **state)
{
	(void)state;
	static const char json[] = "{\"a\":\"no\",\"b\":\"12:30\",\"c\":\"x: y\",\"d\":[\"\",\"-\",\"# c\",\"a,b\"],\"e: f\":{\"g\":[{\"h\":\"line\\nend\"},{\"i\":\"1\",\"j\":[]}]},"
				   "\"k\":\"15m\",\"l\":\"caf\u00e9 \u65e5\",\"m\":{},\"n\":\"*a\",\"o\":[[\"p\"],[\"q\",\"r\"]]}";
	struct arena mem = ARENA(1 << 20);
	struct report r = { .a = &mem };
	struct buf yaml = BUF(1 << 16), first = BUF(1 << 16), second = BUF(1 << 16);
	struct str why = S("");
	const struct jv *v = json_parse(&mem, str_c(json), &why);
	assert_non_null(v);
	json_write(&first, v);
	yaml_write(&yaml, v);
	assert_non_null(strstr(yaml.p, "a: \"no\"\nb: \"12:30\"\n"));
	assert_non_null(strstr(yaml.p, "k: 15m\n"));
	const struct ynode *back = yaml_read(&mem, &r, buf_str(&yaml));
	assert_non_null(back);
	assert_int_equal(r.errors, 0);
	json_write(&second, &back->jv);
	assert_string_equal(first.p, second.p);
	buf_free(&yaml);
	buf_free(&first);
	buf_free(&second);
	arena_free(&mem);
}

static void sizes_are_read_strictly(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t bytes; } good[] = {
		{ "0", 0 }, { "500000", 500000 }, { "64MiB", 64 << 20 }, { "1GiB", 1 << 30 }, { "2TiB", INT64_C(2) << 40 }, { "8KiB", 8192 },
	};
	static const char *const bad[] = { "", "MiB", "64MB", "64 MiB", "-1", "+1", "5%", "99999999999TiB", "0x10" };
	int64_t v;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(bytes_read(str_c(good[i].text), &v), 0);
		assert_int_equal(v, good[i].bytes);
		struct buf b = BUF(64);
		bytes_write(&b, v);
		assert_int_equal(bytes_read(buf_str(&b), &v), 0);
		assert_int_equal(v, good[i].bytes);
		buf_free(&b);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(bytes_read(str_c(bad[i]), &v), EINVAL);
}

static void a_path_leads_to_its_node_even_through_dotted_keys(void **state)
{
	(void)state;
	struct arena mem = ARENA(1 << 20);
	struct report r = { .a = &mem };
	bool is_whole;
	const struct ynode *root = yaml_read(&mem, &r, S("a:\n  b.c: [x, {d: y}]\n  b: z\n"));
	assert_true(str_eq(yaml_at(root, S("a.b.c[1].d"), &is_whole)->jv.s, S("y")) && is_whole);
	assert_true(str_eq(yaml_at(root, S("a.b"), &is_whole)->jv.s, S("z")) && is_whole);
	assert_int_equal(yaml_at(root, S("a.b.c[7].d"), &is_whole)->at.line, 2);
	assert_false(is_whole);
	arena_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_broken_file_is_told_all_its_faults_in_exact_words),
		cmocka_unit_test(a_good_file_becomes_the_world),
		cmocka_unit_test(the_keys_of_the_doors_are_digests_in_order),
		cmocka_unit_test(what_is_shown_reads_back_the_same_and_holds_no_secret),
		cmocka_unit_test(as_json_it_is_the_same_tree),
		cmocka_unit_test(the_environment_overrides_where_to_listen),
		cmocka_unit_test(the_environment_says_what_a_replica_is_called),
		cmocka_unit_test(the_environment_names_region_and_table_where_the_file_does_not),
		cmocka_unit_test(without_secrets_the_rest_is_still_checked),
		cmocka_unit_test(a_file_that_is_not_there_or_too_large_is_no_configuration),
		cmocka_unit_test(too_many_values_are_refused),
		cmocka_unit_test(a_flood_of_faults_is_counted_and_cut),
		cmocka_unit_test(with_no_file_named_the_usual_places_are_searched),
		cmocka_unit_test(the_examples_are_good),
		cmocka_unit_test(findings_come_as_json_and_as_annotations_too),
		cmocka_unit_test(every_code_is_explained),
		cmocka_unit_test(what_is_written_as_yaml_is_read_back),
		cmocka_unit_test(sizes_are_read_strictly),
		cmocka_unit_test(a_path_leads_to_its_node_even_through_dotted_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
